import { expect } from 'chai';
import { encodeJson } from '../../common/protocol/json.js';
import { waitFor } from '../support/wait-for.js';
import { DepotTracker, FILE, idOf, NOWHERE, OTHER_FILE, put, SIZE, sources, stored, work } from './depot-requests.js';
import type { RawTcp } from './raw-client.js';
import { publishOf, type RawReply, request, userOf } from './raw-messages.js';
import { quickPasscodeHash } from './raw-passcode.js';
import type { TestTracker } from './test-tracker.js';

describe('depots', () => {
  let world: DepotTracker;
  let tracker: TestTracker;
  afterEach(() => world[Symbol.asyncDispose]());

  const start = async (putQuotaBytes?: number): Promise<void> => {
    world = await DepotTracker.start(putQuotaBytes);
    tracker = world.tracker;
  };
  const depot: DepotTracker['depot'] = (...args) => world.depot(...args);
  const enter: DepotTracker['enter'] = (...args) => world.enter(...args);

  it('get work for what is put, are sources once it is stored, and stay so over a restart of the tracker', async () => {
    await start();
    const device = userOf('cellar');
    const [alice, cellar] = [await enter('alice', 'plan'), await depot(device)];
    const bob = await enter('bob');
    const id = await idOf(alice);

    expect(await put(alice, { names: ['plan'] })).to.deep.equal([['cellar']]);
    expect(await work(cellar)).to.deep.equal([
      { publicationId: id, do: 'fetch', name: 'plan', owner: 'alice', fileId: FILE, size: SIZE },
    ]);
    expect(await sources(bob, id)).to.deep.equal(['alice']);
    await stored(cellar, id);

    expect((await sources(bob, id)).toSorted()).to.deep.equal(['alice', 'cellar']);
    await alice.ask(request('logout'));
    expect(await sources(bob, id)).to.deep.equal(['cellar']);
    await tracker.close();
    await tracker.open();
    const later = await enter('bob');
    expect(await sources(later, id)).to.deep.equal([]);
    const again = await depot(device);
    expect(await sources(later, id)).to.deep.equal(['cellar']);
    expect(await work(again, { all: true })).to.have.nested.property('[0].do', 'keep');
  });

  it('that are not appointed are told so, and get nothing to store', async () => {
    await start();
    const [alice, mallory] = [await enter('alice', 'plan'), await enter('bob')];

    const refused = await mallory.ask(request('depot', { capacity: 1e12 }));

    expect(refused.error?.code).to.equal('not-allowed');
    expect(await put(alice, { names: ['plan'] })).to.deep.equal(['no-depot']);
  });

  it('that are dismissed are no sources and no holders any more, and others are chosen', async () => {
    await start();
    const [alice, cellar] = [await enter('alice', 'plan'), await depot('cellar')];
    const bob = await enter('bob');
    await put(alice, { names: ['plan'] });
    await stored(cellar, await idOf(alice));
    await tracker.store.appointDepot('cellar', false, Date.now());

    await cellar.ask(request('depot', { capacity: 10 * SIZE }));

    expect(await sources(bob, await idOf(alice))).to.deep.equal(['alice']);
    const risk = await alice.ask(request('atRisk', {}));
    expect(risk['publications']).to.have.nested.property('[0].holders', 1);
    expect(await put(alice, { names: ['plan'] })).to.deep.equal(['no-depot']);
    await depot('attic');
    expect(await put(alice, { names: ['plan'] })).to.deep.equal([['attic']]);
  });

  it('that are dismissed and say nothing are no sources either, and the tickets they have are worth nothing', async () => {
    await start();
    const [alice, cellar, bob] = [await enter('alice', 'plan'), await depot('cellar'), await enter('bob')];
    const id = await idOf(alice);
    await put(alice, { names: ['plan'] });
    await stored(cellar, id);
    expect((await cellar.ask(request('sources', { publicationId: id, ticket: true }))).ok).to.equal(true);

    await tracker.store.appointDepot('CELLAR', false, Date.now());

    await waitFor(async () => (await sources(bob, id)).join() === 'alice', {
      what: 'the end of the depot as a source',
    });
    const { revocations } = await alice.ask(request('revocations', { since: 0 }));
    expect(revocations.map((row: { kind: string; subject: string }) => `${row.kind} ${row.subject}`)).to.deep.equal([
      'user cellar',
    ]);
    await tracker.store.appointDepot('cellar', false, Date.now());
    expect((await tracker.store.revocations(0, 10)).revocations, 'what is so already').to.have.length(1);
  });

  it('are filled evenly, never beyond their size, and say when they are full', async () => {
    await start();
    const alice = await enter('alice', 'a', 'b', 'c', 'd');
    const cellar = await depot('cellar', 2 * SIZE);
    await depot('attic', SIZE + 1);

    const results = await put(alice, { names: ['a', 'b', 'c', 'd'] });

    expect(results.slice(0, 3).flat().toSorted()).to.deep.equal(['attic', 'cellar', 'cellar']);
    expect(results[3]).to.equal('depot-full');

    await stored(cellar, await idOf(alice, 'a'));
    await alice.ask(request('unpublish', { names: ['a'] }));
    expect(await put(alice, { names: ['d'] }), 'before it was removed there').to.deep.equal(['depot-full']);
    const [{ publicationId, fileId }] = (await work(cellar)) as [Record<string, string>];
    await stored(cellar, publicationId ?? '', { fileId, has: 'none' });
    expect(await put(alice, { names: ['d'] })).to.deep.equal([['cellar']]);
  });

  it('count all of a folder: its files and its listing, also when it becomes another one', async () => {
    await start(10 * SIZE);
    const alice = await enter('alice');
    const folder = { name: 'project', fileId: FILE, kind: 'folder', size: 200, files: 3, bytes: 4 * SIZE };
    await alice.ask(request('publish', { entries: [folder] }));
    const cellar = await depot('cellar', 4 * SIZE);

    expect(await put(alice, { names: ['project'] })).to.deep.equal(['depot-full']);
    await cellar.ask(request('depot', { capacity: 4 * SIZE + 200 }));
    expect(await put(alice, { names: ['project'] })).to.deep.equal([['cellar']]);
    const id = await idOf(alice, 'project');
    const job = { publicationId: id, do: 'fetch', name: 'project', owner: 'alice' };
    expect(await work(cellar)).to.deep.equal([{ ...job, fileId: FILE, size: 200, kind: 'folder', bytes: 4 * SIZE }]);
    await stored(cellar, id);
    expect(await sources(await enter('bob'), id)).to.have.members(['alice', 'cellar']);

    const next = { ...folder, fileId: OTHER_FILE, size: 300, bytes: SIZE, replace: true };
    await alice.ask(request('publish', { entries: [next] }));
    expect(await work(cellar)).to.deep.equal([{ ...job, fileId: OTHER_FILE, size: 300, kind: 'folder', bytes: SIZE }]);
    await stored(cellar, id, { fileId: OTHER_FILE });
    await alice.ask(publishOf('plan'));
    await cellar.ask(request('depot', { capacity: 2 * SIZE + 300 }));
    expect(await put(alice, { names: ['plan'] })).to.deep.equal([['cellar']]);
    const file = { name: 'project', fileId: FILE, kind: 'file', size: SIZE, replace: true };
    await alice.ask(request('publish', { entries: [file] }));
    expect(await work(cellar)).to.deep.include({ ...job, fileId: FILE, size: SIZE });
  });

  it('that found no room are asked again by the next put', async () => {
    await start();
    const [alice, cellar] = [await enter('alice', 'plan'), await depot('cellar')];
    await put(alice, { names: ['plan'] });
    const id = await idOf(alice);
    const state = async (): Promise<unknown> =>
      (await alice.ask(request('copies', { publicationIds: [id] })))['publications'][0].copies[0].state;

    await stored(cellar, id, { has: 'full' });
    expect(await state()).to.equal('full');
    expect(await put(alice, { names: ['plan'] })).to.deep.equal([['cellar']]);
    expect(await state()).to.equal('wanted');
  });

  it('hold several copies where they are wanted, and what is there counts', async () => {
    await start();
    const alice = await enter('alice', 'plan');
    await depot('cellar');

    expect(await put(alice, { names: ['plan'], copies: 2 })).to.deep.equal(['no-depot']);
    expect(await put(alice, { names: ['plan'] })).to.deep.equal([['cellar']]);
    await depot('attic');
    expect(await put(alice, { names: ['plan'], copies: 2 })).to.deep.equal([['attic', 'cellar']]);
    expect(await put(alice, { names: ['plan'], copies: 2 })).to.deep.equal([['attic', 'cellar']]);
  });

  it('take no more of one user than the quota allows', async () => {
    await start(2 * SIZE);
    const [alice, bob] = [await enter('alice', 'a', 'b', 'c'), await enter('bob', 'x')];
    await depot('cellar');

    expect(await put(alice, { names: ['a', 'b', 'c'] })).to.deep.equal([['cellar'], ['cellar'], 'quota']);
    expect(await put(bob, { names: ['x'] })).to.deep.equal([['cellar']]);
    const larger = { name: 'a', fileId: OTHER_FILE, size: SIZE + 1, kind: 'file', replace: true };
    const { results } = await alice.ask(request('publish', { entries: [larger, { ...larger, name: 'c' }] }));
    expect(results[0], 'what is stored is not replaced by more').to.have.nested.property('error.code', 'quota');
    expect(results[1], 'what is not stored is').to.have.property('ok', true);
    const equal = await alice.ask(request('publish', { entries: [{ ...larger, size: SIZE }] }));
    expect(equal['results'][0]).to.include({ ok: true, change: 'replaced' });
  });

  it('take no more of one user either when the same content is told again as larger, or as a folder', async () => {
    await start(3 * SIZE);
    const [alice, bob] = [await enter('alice', 'a'), await enter('bob', 'x')];
    const folder = { name: 'f', fileId: OTHER_FILE, size: 10, kind: 'folder', files: 1, bytes: SIZE };
    const publish = async (entry: object): Promise<RawReply> => alice.ask(request('publish', { entries: [entry] }));
    await publish(folder);
    await depot('cellar');
    expect(await put(alice, { names: ['a', 'f'] })).to.deep.equal([['cellar'], ['cellar']]);

    const codes = [
      await publish({ ...folder, size: 9 * SIZE }),
      await publish({ name: 'a', fileId: FILE, size: 9 * SIZE, kind: 'folder', files: 1, bytes: SIZE }),
    ].map(({ results: [result] }) => result.error?.code ?? result.change);

    expect(codes, 'its list is what it was').to.deep.equal(['unchanged', 'name-taken']);
    expect(await put(bob, { names: ['x'] }), 'the room of others').to.deep.equal([['cellar']]);
  });

  it('get what is not public only when they are named, or when their user may fetch it', async () => {
    await start();
    const alice = await enter('alice');
    await alice.ask({ ...publishOf('secret'), rights: { users: ['bob'], groups: [] } });
    await alice.ask({ ...publishOf('shown'), rights: { users: ['attic'], groups: [] } });
    await depot('cellar');
    await depot('attic', SIZE);

    expect(await put(alice, { names: ['secret', 'shown'] })).to.deep.equal(['no-depot', ['attic']]);
    expect(await put(alice, { names: ['secret'], depots: ['CELLAR'] })).to.deep.equal([['cellar']]);
  });

  it('that were not named get no new content of what is not public any more, and keep what was', async () => {
    await start();
    const alice = await enter('alice', 'plan', 'named');
    const [cellar, attic] = [await depot('cellar'), await depot('attic', SIZE)];
    await put(alice, { names: ['named'], depots: ['cellar'] });
    await put(alice, { names: ['plan'], copies: 2 });
    const ids = [await idOf(alice), await idOf(alice, 'named')];
    for (const id of ids) await stored(cellar, id);
    await stored(attic, ids[0] ?? '');

    await alice.ask(request('rights', { names: ['plan', 'named'], rights: { users: ['attic'], groups: [] } }));
    expect([await work(cellar), await work(attic)], 'what they could read before').to.deep.equal([[], []]);
    const entry = (name: string) => ({ name, fileId: OTHER_FILE, size: SIZE, kind: 'file', replace: true });
    await alice.ask(request('publish', { entries: [entry('plan'), entry('named')] }));

    expect((await work(cellar)).map((row) => `${row['name']} ${row['do']}`)).to.have.members([
      'plan drop',
      'named fetch',
    ]);
    expect((await work(attic)).map((row) => `${row['name']} ${row['do']}`)).to.deep.equal(['plan fetch']);
    expect(await put(alice, { names: ['plan'], depots: ['cellar'] })).to.deep.equal([['attic', 'cellar']]);
    expect((await work(cellar)).map((row) => row['do'])).to.deep.equal(['fetch', 'fetch']);
  });

  it('may fetch what they are to store, without finding it, whatever its passcode and its count, and no one else may', async () => {
    await start();
    const alice = await enter('alice');
    await alice.ask({
      ...publishOf('secret'),
      rights: { users: ['bob'], groups: [] },
      terms: { passcodeHash: quickPasscodeHash('1234'), downloads: { most: 1, burn: false } },
    });
    const [cellar, attic] = [await depot('cellar'), await depot('attic')];
    const id = await idOf(alice, 'secret');
    const ticket = (client: RawTcp, publicationId = id) =>
      client.ask(request('sources', { publicationId, ticket: true }));
    const bytes = (reply: RawReply): string => encodeJson({ ...reply, id: 'same' }).toString();
    expect((await ticket(cellar)).error?.code).to.equal('not-found');

    await put(alice, { names: ['secret'], depots: ['cellar'] });

    expect(await ticket(cellar))
      .to.have.property('ticket')
      .that.is.a('string');
    expect(await idOf(cellar, 'secret')).to.equal(NOWHERE);
    expect(bytes(await ticket(attic))).to.equal(bytes(await ticket(attic, NOWHERE)));
    expect((await attic.ask(request('revocations', { since: 0 })))['revocations']).to.deep.equal([]);
    const bob = await enter('bob');
    const got = await bob.ask(request('sources', { publicationId: id, ticket: true, passcode: '1234' }));
    expect(got).to.have.property('ticket');
  });

  it('hear of revocations of what they store, though their user may not see it', async () => {
    await start();
    const alice = await enter('alice');
    await alice.ask({ ...publishOf('secret'), rights: { users: ['bob'], groups: [] } });
    const [cellar, bob] = [await depot('cellar'), await enter('bob')];
    const id = await idOf(alice, 'secret');
    await put(alice, { names: ['secret'], depots: ['cellar'] });
    await stored(cellar, id);
    await bob.ask(request('sources', { publicationId: id, ticket: true }));

    await alice.ask(request('rights', { names: ['secret'], rights: { users: ['carol'], groups: [] } }));

    const { revocations } = await waitFor(async () => {
      const reply = await cellar.ask(request('revocations', { since: 0 }));
      return reply['revocations'].length > 0 ? reply : undefined;
    });
    expect(revocations).to.have.nested.property('[0].user', 'bob');
    const carol = await enter('carol');
    expect((await sources(carol, id)).toSorted()).to.deep.equal(['alice', 'cellar']);
  });

  it('fetch again when the content is replaced, and drop what is withdrawn', async () => {
    await start();
    const [alice, cellar] = [await enter('alice', 'plan'), await depot('cellar')];
    const bob = await enter('bob');
    const id = await idOf(alice);
    await put(alice, { names: ['plan'] });
    await stored(cellar, id);
    expect(await work(cellar)).to.deep.equal([]);

    const entry = { name: 'plan', fileId: OTHER_FILE, size: SIZE + 1, kind: 'file', replace: true };
    await alice.ask(request('publish', { entries: [entry] }));

    expect(await work(cellar)).to.have.nested.property('[0].fileId', OTHER_FILE);
    expect(await sources(bob, id)).to.deep.equal(['alice']);
    expect((await stored(cellar, id)).error?.code).to.equal('changed');
    await stored(cellar, id, { fileId: OTHER_FILE });
    expect((await sources(bob, id)).toSorted()).to.deep.equal(['alice', 'cellar']);

    await alice.ask(request('unpublish', { names: ['plan'] }));
    expect(await work(cellar)).to.have.nested.property('[0].do', 'drop');
    await stored(cellar, id, { fileId: OTHER_FILE, has: 'none' });
    expect(await work(cellar, { all: true })).to.deep.equal([]);
    expect((await stored(cellar, id)).error?.code).to.equal('not-found');
  });
});
