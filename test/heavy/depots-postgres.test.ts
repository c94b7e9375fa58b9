import { expect } from 'chai';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { startPostgres } from '../support/postgres.js';
import { tempDir } from '../support/temp.js';
import {
  DepotTracker,
  del,
  FILE,
  idOf,
  OTHER_FILE,
  put,
  SIZE,
  sources,
  stored,
  work,
} from '../tracker/depot-requests.js';
import { publishOf, request } from '../tracker/raw-messages.js';

describe('depots at a tracker with PostgreSQL', function () {
  this.timeout(120_000);

  it('store files and folders within room and quota, follow new content, and drop what is removed', async () => {
    await using dir = await tempDir();
    await using server = await startPostgres();
    const identity = await loadOrCreateIdentity(dir.join('identity.pem'), { commonName: 'test' });
    const postgres = { url: await server.database(), identity };
    await using world = await DepotTracker.start(10 * SIZE, { postgres });
    const alice = await world.enter('alice', 'plan', 'more');
    const folder = { name: 'project', fileId: FILE, kind: 'folder', size: 200, files: 3, bytes: 4 * SIZE };
    await alice.ask(request('publish', { entries: [folder] }));
    const cellar = await world.depot('cellar', 6 * SIZE);
    const bob = await world.enter('bob');

    expect(await put(alice, { names: ['plan', 'project', 'more'] })).to.deep.equal([
      ['cellar'],
      ['cellar'],
      'depot-full',
    ]);
    const jobs = await work(cellar);
    expect(jobs.map((job) => [job['name'], job['size'], job['kind'], job['bytes']])).to.deep.equal([
      ['plan', SIZE, undefined, undefined],
      ['project', 200, 'folder', 4 * SIZE],
    ]);
    for (const name of ['plan', 'project']) await stored(cellar, await idOf(alice, name));
    expect(await sources(bob, await idOf(bob, 'plan'))).to.have.members(['alice', 'cellar']);

    const next = { ...folder, fileId: OTHER_FILE, size: 300, bytes: 5 * SIZE, replace: true };
    await alice.ask(request('publish', { entries: [next] }));
    expect(await work(cellar)).to.have.nested.property('[0].bytes', 5 * SIZE);
    const beyond = await alice.ask(
      request('publish', { entries: [{ ...next, fileId: 'ef'.repeat(32), bytes: 10 * SIZE }] }),
    );
    expect(beyond['results'][0].error.code).to.equal('quota');
    const secret = { ...publishOf('plan'), rights: { users: ['bob'], groups: [] } };
    await alice.ask({
      ...secret,
      entries: [{ name: 'plan', fileId: OTHER_FILE, size: SIZE, kind: 'file', replace: true }],
    });
    expect((await work(cellar)).map((job) => job['do'])).to.have.members(['drop', 'fetch']);
    await cellar.ask(request('depot', { capacity: 20 * SIZE }));
    expect(await put(alice, { names: ['plan'], depots: ['cellar'] })).to.deep.equal([['cellar']]);

    expect((await alice.ask(request('atRisk', {})))['publications']).to.have.length(3);
    expect(await del(alice, await idOf(alice, 'project'))).to.equal('ok');
    expect((await work(cellar)).map((job) => `${job['name']} ${job['do']}`)).to.have.members([
      'plan fetch',
      'project drop',
    ]);
  });
});
