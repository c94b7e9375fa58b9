import { join } from 'node:path';
import { expect } from 'chai';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { errorCodeOf, fetchedBytes, publicationsOf, transferOf, usersOf } from './json-results.js';
import { inWorld } from './world.js';

const MIB = 1024 * 1024;
/** One heartbeat and 1.5 s, from the moment the tracker listens again (issue 2). */
const BACK_WITHIN_MS = 3_500;

describe('a tracker that is killed and started again', () => {
  it(
    'keeps every publication, and the peers are back by themselves within 3.5 s, without a password',
    inWorld({ users: ['alice', 'bob', 'carol'] }, async (world) => {
      // Peers that could not log in again: their password is nowhere to be found.
      const serving = [];
      for (const user of ['alice', 'carol']) serving.push(await world.serve(user));
      const path = await world.file('alice', 'kept.bin', 2000);
      await world.publish('alice', path);
      await world.publish('alice', await world.file('alice', 'gone.bin', 2000, 2));
      await world.unpublish('alice', 'gone.bin');

      await world.killTracker();
      const away = await world.cli('bob', ['lap']);
      const attached = await serving[0]!.run(['lpf', '--json']);
      await world.startTracker();
      const listening = performance.now();
      await waitFor(async () => sameUsers(await world.cli('bob', ['lap']), ['alice', 'carol']), {
        what: 'both to be listed',
      });
      const backMs = performance.now() - listening;

      print(`peers listed again ${backMs.toFixed(0)} ms after the tracker listened`);
      expect(backMs).to.be.at.most(BACK_WITHIN_MS);
      expect([away.code, errorCodeOf(away)]).to.deep.equal([7, 'tracker-unreachable']);
      expect(away.stderr).to.match(/^Tracker not responding/m);
      expect([attached.code, errorCodeOf(attached)]).to.deep.equal([7, 'tracker-unreachable']);
      expect(attached.stderr).to.match(/^Tracker not responding/m);
      const found = publicationsOf(await world.cli('bob', ['sch', '.bin']));
      expect(found.map(({ name, sources }) => [name, sources])).to.deep.equal([['kept.bin', 1]]);
      transferOf(await world.cli('bob', ['get', 'kept.bin']));
    }),
  );

  it(
    'does not disturb a running get, and a publish right after it is kept',
    inWorld({ ram: true }, async (world) => {
      const size = 24 * MIB;
      await world.serve('alice', { args: ['--upload-limit', String(8 * MIB)] });
      const path = await world.file('alice', 'long.bin', size);
      await world.publish('alice', path);
      const download = await world.start('bob', ['get', 'long.bin']);
      await download.waitForEvent('transfer', {
        where: (event) => fetchedBytes(event) > 0.1 * size,
        timeoutMs: 20_000,
      });

      await world.killTracker();
      await download.waitForEvent('transfer', {
        where: (event) => fetchedBytes(event) > 0.8 * size,
        timeoutMs: 20_000,
      });
      await world.startTracker();
      const end = await download.waitForExit(20_000);

      expect(end.code, download.describe()).to.equal(0);
      expect(await sameBytes(path, join(world.place('bob').downloads, 'long.bin'))).to.equal(true);
      await world.publish('alice', await world.file('alice', 'after.bin', 10, 3));
    }),
  );

  it(
    'finishes a get while the tracker is away to the end',
    inWorld({ ram: true }, async (world) => {
      const size = 16 * MIB;
      await world.serve('alice', { args: ['--upload-limit', String(8 * MIB)] });
      await world.publish('alice', await world.file('alice', 'alone.bin', size));
      const download = await world.start('bob', ['get', 'alone.bin']);
      await download.waitForEvent('transfer', {
        where: (event) => fetchedBytes(event) > 0.1 * size,
        timeoutMs: 20_000,
      });

      await world.killTracker();
      const end = await download.waitForExit(30_000);

      expect(end.code, download.describe()).to.equal(0);
      await world.startTracker();
    }),
  );

  it(
    'serves an acknowledged publication of a peer that was itself killed and came back, with no password given',
    inWorld({}, async (world) => {
      const alice = await world.serve('alice');
      await world.publish('alice', await world.file('alice', 'mine.bin', 500));
      alice.process.kill('SIGKILL');
      await alice.process.exit;
      await world.killTracker();
      await world.startTracker();

      const { home, data, downloads } = world.place('alice');
      await world.serve('alice', { home, data, downloads, password: 'not the password any more' });
      const found = await waitFor(async () => publicationsOf(await world.cli('bob', ['sch', 'mine']))[0], {
        what: 'mine.bin to be found',
      });

      expect(found.sources).to.equal(1);
    }),
  );
});

describe('a peer that is killed', () => {
  it(
    'is listed for three heartbeats, then no more, nor are its files found',
    inWorld({}, async (world) => {
      const alice = await world.serve('alice');
      await world.publish('alice', await world.file('alice', 'short.bin', 10));
      alice.process.kill('SIGKILL');
      const from = performance.now();

      const first = usersOf(await world.cli('bob', ['lap'])).map(({ user }) => user);
      await waitFor(async () => usersOf(await world.cli('bob', ['lap'])).length === 0, { what: 'alice to expire' });
      const expiredMs = performance.now() - from;
      const found = publicationsOf(await world.cli('bob', ['sch', 'short']));
      const offline = publicationsOf(await world.cli('bob', ['sch', 'short', '--all']));

      print(`listed until ${expiredMs.toFixed(0)} ms after the kill; three heartbeats are 6000 ms`);
      expect(first).to.deep.equal(['alice']);
      expect(expiredMs).to.be.at.least(3_900);
      expect(found).to.deep.equal([]);
      expect(offline.map(({ name, sources }) => [name, sources])).to.deep.equal([['short.bin', 0]]);
    }),
  );
});

function sameUsers(done: Parameters<typeof usersOf>[0], wanted: readonly string[]): boolean {
  if (done.code !== 0) return false;
  const users = usersOf(done).map(({ user }) => user);
  return wanted.every((user) => users.includes(user));
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
