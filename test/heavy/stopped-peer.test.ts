/** F22 at the peer: its process stands still for 10 s, as when a laptop is closed. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { transferOf, usersOf } from '../e2e/json-results.js';
import { inWorld } from '../e2e/world.js';
import { waitFor } from '../support/wait-for.js';

const STOPPED_MS = 10_000;
const BACK_WITHIN_MS = 10_000;

describe('a peer that stands still', function () {
  this.timeout(90_000);

  it(
    'is not listed any more, and is back by itself when it goes on, with what it publishes',
    inWorld({ users: ['alice', 'bob'], ram: true }, async (world) => {
      const alice = await world.serve('alice');
      await world.publish('alice', await world.file('alice', 'a.bin', 100_000));
      const listed = async (): Promise<string[]> => usersOf(await world.cli('bob', ['lap'])).map(({ user }) => user);
      expect(await listed()).to.deep.equal(['alice']);

      process.kill(alice.process.pid, 'SIGSTOP');
      await pause(STOPPED_MS); // how long it stands still is what is tested
      const meanwhile = await listed();
      process.kill(alice.process.pid, 'SIGCONT');
      await waitFor(async () => (await listed()).includes('alice'), { timeoutMs: BACK_WITHIN_MS, what: 'its return' });

      expect(meanwhile).to.deep.equal([]);
      transferOf(await world.cli('bob', ['get', 'a.bin']));
    }),
  );
});
