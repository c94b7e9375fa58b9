import { expect } from 'chai';
import type { Peer } from '../../peer/api.js';
import { attachLocal } from '../../peer/daemon/attached-peer.js';
import { localSocketPath } from '../../peer/daemon/local-path.js';
import { runCli } from '../support/program.js';
import { waitFor } from '../support/wait-for.js';
import { errorCodeOf } from './json-results.js';
import { inWorld, type World } from './world.js';

const MIB = 1024 * 1024;
/** From the end of the command that narrows rights to the last byte that went. */
const CUT_MS = 1_000;

describe('rights between real processes', () => {
  it(
    'hide a file from all but those it is for, in every command',
    inWorld({ users: ['alice', 'bob', 'carol'] }, async (world) => {
      await world.serve('alice');
      const fileId = await world.publish('alice', await world.file('alice', 'plan.bin', 1000), ['--for', 'bob']);

      const got = await world.cli('bob', ['get', 'plan.bin']);
      const missed = await world.cli('carol', ['get', 'plan.bin']);
      const byId = await world.cli('carol', ['get', `id:${fileId}`]);
      const listed = await world.cli('carol', ['list', '--all']);
      const shown = await world.cli('alice', ['lpf'], { json: false });

      expect(got.code, got.stderr).to.equal(0);
      for (const refused of [missed, byId])
        expect([refused.code, errorCodeOf(refused)]).to.deep.equal([4, 'not-found']);
      expect(listed.result).to.have.property('publications').that.deep.equals([]);
      expect(shown.stdout).to.match(/plan\.bin .* bob /);
    }),
  );

  it(
    'change in place, and refuse names that do not exist',
    inWorld({ users: ['alice', 'bob', 'carol'] }, async (world) => {
      await world.serve('alice');
      await world.publish('alice', await world.file('alice', 'plan.bin', 1000), ['--for', 'bob']);

      const unknown = await world.cli('alice', ['rights', 'plan.bin', '--for', 'nobody']);
      const silent = await world.cli('alice', ['rights', 'plan.bin']);
      const opened = await world.cli('alice', ['rights', 'plan.bin', '--public'], { json: false });
      const got = await world.cli('carol', ['get', 'plan.bin']);

      expect([unknown.code, silent.code]).to.deep.equal([4, 2]);
      expect(opened.stdout).to.contain('plan.bin is now public');
      expect(got.code, got.stderr).to.equal(0);
    }),
  );

  it(
    'that are narrowed cut the running download of who lost them within a second, and of nobody else',
    inWorld({ users: ['alice', 'bob', 'carol'], ram: true }, async (world) => {
      await cutRunning(world, (now) => now('alice', ['rights', 'big.bin', '--for', 'bob']));
    }),
  );

  it(
    'that came with a group end when it is left, while the tracker runs',
    inWorld({ users: ['alice', 'bob', 'carol'], ram: true }, async (world) => {
      const group = async (...args: string[]): Promise<void> => {
        const done = await runCli(['group', ...args, '--data', world.path('tracker')]);
        expect(done.code, done.stderr).to.equal(0);
      };
      await group('add', 'team');
      await group('join', 'team', 'bob', 'carol');
      await cutRunning(world, () => group('leave', 'team', 'carol'), ['--for-group', 'team']);
    }),
  );

  it(
    'lost while no tracker runs cut running downloads as soon as it is back',
    inWorld({ users: ['alice', 'bob', 'carol', 'dave'], ram: true }, async (world) => {
      const admin = async (...args: string[]): Promise<void> => {
        const done = await runCli([...args, '--data', world.path('tracker')]);
        expect(done.code, done.stderr).to.equal(0);
      };
      await admin('group', 'add', 'team');
      await admin('group', 'join', 'team', 'bob', 'carol', 'dave');
      await world.serve('alice', { args: ['--upload-limit', String(2 * MIB)] });
      await world.publish('alice', await world.file('alice', 'big.bin', 24 * MIB), ['--for-group', 'team']);
      world.mayBeUnfinished('big.bin');
      const users = ['bob', 'carol', 'dave'];
      const running = await Promise.all(users.map((user) => world.start(user, ['get', 'big.bin'])));
      await bytesCame(world, users);

      await world.killTracker();
      await admin('user', 'disable', 'carol');
      await admin('group', 'leave', 'team', 'dave');
      const goesOn = await sentTo(world, ['carol', 'dave']);
      await world.startTracker();
      await waitFor(async () => (await connectionOf(world)) === 'online', { timeoutMs: 10_000 });
      const backAt = performance.now();
      const quietSince = await Promise.all(['carol', 'dave'].map((user) => noUploadTo(world, user)));

      expect(goesOn, 'tickets hold while no tracker runs').to.equal(true);
      for (const at of quietSince) expect(at - backAt).to.be.below(CUT_MS);
      await world.liftUploadLimit('alice');
      const [bob, ...others] = running;
      for (const other of others) await other.stop('SIGINT'); // they would wait for another source
      expect((await bob?.exit)?.code).to.equal(0);
    }),
  );

  it(
    'asked for while the tracker is away are those with which it is published later',
    inWorld({ users: ['alice', 'bob', 'carol'] }, async (world) => {
      await world.serve('alice');
      const path = await world.file('alice', 'plan.bin', 1000);
      await world.killTracker();
      const refused = await world.cli('alice', ['pub', path, '--for', 'bob']);
      expect(refused.code).to.equal(7);

      await world.startTracker();
      let names: unknown[] = [];
      for (const until = Date.now() + 20_000; names.length === 0 && Date.now() < until; )
        names = (await world.cli('bob', ['list'])).result?.['publications'] as unknown[];

      expect(names).to.have.length(1);
      expect((await world.cli('carol', ['list', '--all'])).result)
        .to.have.property('publications')
        .that.deep.equals([]);
    }),
  );
});

type Run = (user: string, args: readonly string[]) => Promise<void>;

/** Both fetch slowly; `narrow` takes the right from carol. */
async function cutRunning(world: World, narrow: (run: Run) => Promise<void>, more: string[] = []): Promise<void> {
  await world.serve('alice', { args: ['--upload-limit', String(2 * MIB)] });
  await world.publish('alice', await world.file('alice', 'big.bin', 12 * MIB), more);
  const [bob, carol] = await Promise.all(['bob', 'carol'].map((user) => world.start(user, ['get', 'big.bin'])));
  if (bob === undefined || carol === undefined) throw new Error('not started');
  world.mayBeUnfinished('big.bin');
  await bytesCame(world, ['bob', 'carol']);

  await narrow(async (user, args) => {
    const done = await world.cli(user, args);
    expect(done.code, done.stderr).to.equal(0);
  });
  const changedAt = performance.now();
  const quietSince = await noUploadTo(world, 'carol');

  expect(quietSince - changedAt).to.be.below(CUT_MS);
  await world.liftUploadLimit('alice');
  await carol.stop('SIGINT'); // it would wait for another source
  expect((await bob.exit).code).to.equal(0);
}

/** Whether bytes go to each of them. */
async function sentTo(world: World, users: readonly string[]): Promise<boolean> {
  const before = await uploads(world);
  const sent = (rows: readonly Upload[], user: string): number => rows.find((row) => row.user === user)?.sentBytes ?? 0;
  await waitFor(async () => {
    const now = await uploads(world);
    return users.every((user) => sent(now, user) > sent(before, user));
  });
  return true;
}

async function connectionOf(world: World): Promise<string> {
  const { result } = await world.cli('alice', ['status']);
  return (result as unknown as { connection: { kind: string } }).connection.kind;
}

interface Upload {
  readonly user: string;
  readonly sentBytes: number;
}

async function uploads(world: World): Promise<Upload[]> {
  const { result } = await world.cli('alice', ['status']);
  return (result as unknown as { uploads: Upload[] }).uploads;
}

async function bytesCame(world: World, users: readonly string[]): Promise<void> {
  for (;;) {
    const sent = await uploads(world);
    if (users.every((user) => sent.some((row) => row.user === user && row.sentBytes > 0))) return;
  }
}

/** When the last byte to the user was seen to leave Alice, once his upload is gone: she tells ten times a second how things are. */
async function noUploadTo(world: World, user: string): Promise<number> {
  const { data } = world.place('alice');
  const path = localSocketPath({ dataDir: data, pin: world.tracker.pin, user: 'alice' }, process.platform);
  const alice = await attachLocal(path, { signal: AbortSignal.timeout(30_000) });
  if (alice === undefined) throw new Error('alice does not run');
  try {
    let sent = -1;
    let movedAt = performance.now();
    for (;;) {
      const row = alice.state().uploads.find((one) => one.user === user);
      if (row === undefined) return movedAt;
      if (row.sentBytes !== sent) movedAt = performance.now();
      sent = row.sentBytes;
      await changeOf(alice);
    }
  } finally {
    await alice.close();
  }
}

async function changeOf(alice: Peer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const undo = alice.onState(resolve);
  await promise;
  undo();
}
