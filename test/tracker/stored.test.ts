import { expect } from 'chai';
import { LONG_UNSEEN_MS } from '../../common/protocol/limits.js';
import { waitFor } from '../support/wait-for.js';
import { DepotTracker, del, FILE, idOf, NOWHERE, put, SIZE, stored } from './depot-requests.js';
import type { RawTcp } from './raw-client.js';
import { loginOf, publishOf, request, userOf } from './raw-messages.js';
import { quickPasscodeHash } from './raw-passcode.js';
import type { TestTracker } from './test-tracker.js';

describe('what is stored', () => {
  let world: DepotTracker;
  let tracker: TestTracker;
  afterEach(() => world[Symbol.asyncDispose]());

  const start = async (putQuotaBytes?: number): Promise<void> => {
    world = await DepotTracker.start(putQuotaBytes);
    tracker = world.tracker;
  };
  const depot: DepotTracker['depot'] = (...args) => world.depot(...args);
  const enter: DepotTracker['enter'] = (...args) => world.enter(...args);

  describe('del', () => {
    it('is for the owner alone unless it was put open, and only for what was put', async () => {
      await start();
      const alice = await enter('alice', 'mine', 'open', 'published');
      await depot('cellar');
      const bob = await enter('bob');
      await put(alice, { names: ['mine'] });
      await put(alice, { names: ['open'], removal: 'open' });

      expect(await del(bob, await idOf(bob, 'mine'))).to.equal('not-allowed');
      expect(await del(bob, await idOf(bob, 'published'))).to.equal('not-allowed');
      expect(await del(bob, await idOf(bob, 'open'))).to.equal('ok');
      expect(await del(alice, await idOf(alice, 'mine'))).to.equal('ok');
      expect(await idOf(bob, 'open')).to.equal(NOWHERE);
    });

    it('answers what is hidden and what does not exist alike', async () => {
      await start();
      const [alice, bob] = [await enter('alice'), await enter('bob')];
      await depot('cellar');
      await alice.ask({ ...publishOf('secret'), rights: { users: [], groups: [] } });
      await put(alice, { names: ['secret'], removal: 'open', depots: ['cellar'] });

      expect(await del(bob, await idOf(alice, 'secret'))).to.equal('not-found');
      expect(await del(bob, NOWHERE)).to.equal('not-found');
    });

    it('wants the passcode where that decides', async () => {
      await start();
      const [alice, bob] = [await enter('alice'), await enter('bob')];
      await depot('cellar');
      await alice.ask({ ...publishOf('plan'), terms: { passcodeHash: quickPasscodeHash('1234') } });
      await put(alice, { names: ['plan'], removal: 'passcode' });
      const id = await idOf(bob);

      expect(await del(bob, id)).to.equal('passcode-needed');
      expect(await del(bob, id, { passcode: 'guess' })).to.equal('wrong-passcode');
      expect(await del(bob, id, { passcode: '1234' })).to.equal('ok');
    });

    it('is not undone by the device that published it, which may publish the file anew', async () => {
      await start();
      const user = userOf('alice');
      const { client: alice } = await tracker.enterTcp(user);
      await alice.ask(publishOf('plan'));
      await depot('cellar');
      await put(alice, { names: ['plan'], removal: 'open' });
      const [id, bob] = [await idOf(alice), await enter('bob')];
      await alice.ask(request('logout'));

      await del(bob, id);

      const again = await tracker.tcp();
      const grant = await again.ask(loginOf(user, tracker.identity.pin, { libraryRevision: 1 }));
      expect(grant).to.include({ ok: true, live: false });
      const entry = { name: 'plan', fileId: FILE, size: SIZE, kind: 'file' };
      const told = await again.ask(request('publish', { entries: [{ ...entry, publicationId: id }] }));
      expect(told['results'][0].error.code).to.equal('gone');
      const fresh = await again.ask(request('publish', { entries: [entry] }));
      expect(fresh['results'][0]).to.include({ ok: true, change: 'new' });
    });
  });

  it('is seen in the audit: who put and removed what, and what came of it', async () => {
    await start(2 * SIZE);
    const [alice, cellar, bob] = [
      await enter('alice', 'plan', 'more', 'most'),
      await depot('cellar'),
      await enter('bob'),
    ];
    await put(alice, { names: ['plan', 'more', 'most'] });
    const id = await idOf(alice);
    await stored(cellar, id);
    await alice.ask(request('put', { names: ['more'], removal: 'passcode' }));
    await del(bob, id);
    await del(bob, NOWHERE);
    await del(alice, id);

    const seen = await waitFor(async () => {
      const rows = await tracker.store.listAudit({ limit: 100 });
      const found = rows.filter(({ kind }) => ['put', 'stored', 'del'].includes(kind)).reverse();
      return found.length > 6 ? found : undefined;
    });

    expect(seen.map(({ kind, user, detail }) => `${user} ${kind} ${detail}`)).to.deep.equal([
      'alice put @alice/plan to cellar',
      'alice put @alice/more to cellar',
      'alice put @alice/most refused: quota',
      'cellar stored @alice/plan all',
      'alice put @alice/more to cellar',
      'bob del @alice/plan refused: not-allowed',
      'alice del @alice/plan removed',
    ]);
    expect(seen.at(-1)).to.deep.include({ subject: id, address: '127.0.0.1' });
  });

  it('is at risk when one holder alone has it, or no holder that was seen lately', async () => {
    await start();
    const alice = await enter('alice', 'alone', 'stored', 'shared');
    const [cellar, bob] = [await depot('cellar'), await enter('bob')];
    const names = async (client: RawTcp, all = false): Promise<string[]> => {
      const { publications } = await client.ask(request('atRisk', { all }));
      return (publications as { name: string }[]).map(({ name }) => name).toSorted();
    };
    await put(alice, { names: ['stored'] });
    await stored(cellar, await idOf(alice, 'stored'));
    const shared = await idOf(alice, 'shared');
    await bob.ask(request('sources', { publicationId: shared, ticket: true }));
    await bob.ask(request('hold', { publicationId: shared, fileId: FILE, has: 'all' }));

    expect(await names(alice)).to.deep.equal(['alone']);
    expect(await names(bob)).to.deep.equal([]);
    expect(await names(bob, true)).to.deep.equal(['alone']);

    for (const client of [alice, cellar, bob]) await client.ask(request('logout'));
    const seen = (user: string) => tracker.tracker.registry.takeSeen().filter((device) => device.user === user);
    const devices = ['alice', 'cellar'].flatMap(seen);
    await tracker.store.recordSeen(devices, Date.now() - LONG_UNSEEN_MS - 1);
    const later = await enter('bob');
    expect(await names(later, true)).to.include('alone');
  });
});
