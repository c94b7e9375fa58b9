import { join } from 'node:path';
import { expect } from 'chai';
import { openFileCount, openSockets } from '../support/proc.js';
import { sha256File } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { usersOf } from './json-results.js';
import { World } from './world.js';

const CLIENTS = 12;
const USERS = Array.from({ length: CLIENTS }, (_, index) => `user${index + 1}`);

describe(`${CLIENTS} clients at once`, function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await World.open({ users: ['alice', 'watcher', ...USERS], ram: true });
  });
  after(() => world.end());

  it('are all served, and whoever leaves frees everything at the tracker and at the source', async () => {
    // Slow enough that all are there together.
    const alice = await world.serve('alice', { args: ['--upload-limit', '8M'] });
    const path = await world.file('alice', 'shared.bin', 1_500_000);
    await world.publish('alice', path);
    const atRest = {
      tracker: await connections(world.tracker.process.pid),
      alice: await connections(alice.process.pid),
    };
    const filesOfAlice = await openFileCount(alice.process.pid);

    const gets = await Promise.all(USERS.map((user) => world.start(user, ['get', 'shared.bin'])));
    const during = await waitFor(
      async () => {
        const seen = await connections(world.tracker.process.pid);
        return seen > atRest.tracker + 1 ? seen : undefined;
      },
      { what: 'several clients at the tracker at once', timeoutMs: 60_000 },
    );
    const ends = await Promise.all(gets.map((get) => get.waitForExit(100_000)));

    expect(ends.map(({ code }) => code)).to.deep.equal(USERS.map(() => 0));
    expect(during).to.be.above(atRest.tracker);
    const wanted = await sha256File(path);
    for (const user of USERS)
      expect(await sha256File(join(world.place(user).downloads, 'shared.bin')), user).to.equal(wanted);
    await waitFor(
      async () =>
        (await connections(world.tracker.process.pid)) <= atRest.tracker &&
        (await connections(alice.process.pid)) <= atRest.alice &&
        (await openFileCount(alice.process.pid)) <= filesOfAlice,
      { what: 'everything to be freed', timeoutMs: 20_000 },
    );
    expect(usersOf(await world.cli('watcher', ['lap'])).map(({ user }) => user)).to.deep.equal(['alice']);
    await alice.process.stop();
  });
});

/** TCP connections that the process has accepted or made. */
async function connections(pid: number): Promise<number> {
  return (await openSockets(pid)).filter(({ protocol, remotePort }) => protocol === 'tcp' && remotePort !== 0).length;
}
