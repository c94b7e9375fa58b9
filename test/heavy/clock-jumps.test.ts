/**
 * F21 with real processes: the wall clocks of the tracker, of peers and of both are set while they run; and programs start on a machine
 * whose monotonic clock begins elsewhere (`unshare -T`; left out where that is not allowed).
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { errorCodeOf, transferOf } from '../e2e/json-results.js';
import { RawSession } from '../e2e/raw-session.js';
import { passwordOf, sharedEnvironment } from '../e2e/world.js';
import {
  type ServeHandle,
  type ServeOptions,
  startServe,
  startTracker,
  type TrackerHandle,
  type TrackerOptions,
} from '../support/program.js';
import { type Command, shoalCommand } from '../support/shoal-command.js';
import { type TempDir, tempDir, writeRandomFile } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const HOUR_MS = 3_600_000;
const JUMPS = [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS];
/** After each jump somebody looks for so long, ms: what judged by the wall clock would be wrong at once. */
const WATCH_MS = 1_000;
const MIB = 1024 * 1024;
const DAY_S = 86_400;

describe('clocks', function () {
  this.timeout(180_000);
  let parts: AsyncDisposableStack;
  let dir: TempDir;
  beforeEach(async () => {
    parts = new AsyncDisposableStack();
    dir = parts.use(await tempDir({ ram: true }));
  });
  afterEach(() => parts.disposeAsync());

  const start = async (options: TrackerOptions = {}): Promise<TrackerHandle> => {
    const credentials = Object.fromEntries(['alice', 'bob', 'carol'].map((user) => [user, passwordOf(user)]));
    const env = { ...(await sharedEnvironment()), ...options.env };
    return parts.use(await startTracker({ data: dir.join('tracker'), credentials, ...options, env }));
  };
  const serve = async (
    user: string,
    { address }: TrackerHandle,
    options: Partial<ServeOptions>,
  ): Promise<ServeHandle> => {
    const env = { ...(await sharedEnvironment()), ...options.env };
    const home = dir.join(user);
    await mkdir(home);
    const place = {
      user,
      password: passwordOf(user),
      home,
      data: dir.join(user, 'd'),
      downloads: dir.join(user, 'got'),
    };
    return parts.use(await startServe({ ...place, tracker: address, ...options, env }));
  };
  const publish = async (peer: ServeHandle, name: string, bytes: number): Promise<void> => {
    const path = dir.join(name);
    await writeRandomFile(path, bytes, 1);
    const done = await peer.run(['pub', path]);
    expect(done.code, done.stderr).to.equal(0);
  };
  /** Who is active, as somebody sees who has no clock that is set. */
  const watcher = async ({ host, port, pin }: TrackerHandle): Promise<() => Promise<string[]>> => {
    const device = await loadOrCreateIdentity(dir.join('carol.pem'), { commonName: 'test' });
    const login = { transport: 'tcp' as const, user: 'carol', password: passwordOf('carol'), device };
    const session = parts.use(await RawSession.open({ host, port, pin }, login));
    return async () => {
      const reply = await session.request('listPeers', {});
      return reply.ok ? reply.peers.map(({ user }) => user).toSorted() : [reply.error.code];
    };
  };

  it('that are set while everything runs let nobody flap, refuse no ticket and disturb no download', async () => {
    const jumper = (name: string) => {
      const file = dir.join(name);
      writeFileSync(file, '0');
      const preload = new URL('./jumping-date.js', import.meta.url).href;
      return {
        env: { NODE_OPTIONS: `--import=${preload}`, JUMPING_DATE: file },
        set: (ms: number): void => writeFileSync(file, String(ms)),
      };
    };
    const clocks = { tracker: jumper('clock of the tracker'), peers: jumper('clock of the peers') };
    const tracker = await start({ env: clocks.tracker.env });
    const { env } = clocks.peers;
    const alice = await serve('alice', tracker, { env, args: ['--upload-limit', String(2 * MIB)] });
    const bob = await serve('bob', tracker, { env });
    await publish(alice, 'long.bin', 64 * MIB);
    await publish(alice, 'short.bin', 5_000);
    const active = await watcher(tracker);
    const download = bob.run(['get', 'long.bin'], { json: true, timeoutMs: 170_000 });

    let looks = 0;
    for (const whose of ['tracker', 'peers', 'both'] as const)
      for (const jump of JUMPS) {
        const what = `${whose}: ${jump / HOUR_MS} h`;
        for (const name of ['tracker', 'peers'] as const)
          clocks[name].set(whose === name || whose === 'both' ? jump : 0);
        for (const until = performance.now() + WATCH_MS; performance.now() < until; looks += 1) {
          expect(await active(), what).to.deep.equal(['alice', 'bob']);
          await pause(50);
        }
        const fetched = await bob.run(['get', 'short.bin', '--as', `${looks}.bin`], { json: true });
        expect(fetched.code, `${what}: ${fetched.stderr}`).to.equal(0);
      }
    expect((await alice.run(['limit', '--up', 'none'])).code).to.equal(0);

    const transfer = transferOf(await download);
    expect(transfer.sources.map(({ verifiedBytes }) => verifiedBytes)).to.deep.equal([64 * MIB]);
    process.stdout.write(`      12 jumps, ${looks} looks at who is there, 13 downloads\n`);
  });

  it('that begin elsewhere after a restart, as on another machine, change nothing for peers and what they publish', async function () {
    const at = (seconds: number): Command => [
      'unshare',
      '-T',
      '--monotonic',
      `${seconds}`,
      '--boottime',
      `${seconds}`,
      ...shoalCommand(),
    ];
    if (spawnSync('unshare', ['-T', '--monotonic', '1', 'true']).status !== 0) this.skip();
    let tracker = await start({ command: at(40 * DAY_S) });
    const alice = await serve('alice', tracker, { command: at(3 * DAY_S) });
    const bob = await serve('bob', tracker, {});
    await publish(alice, 'a.bin', 100_000);
    const { port } = tracker;

    for (const seconds of [0, 400 * DAY_S, 1]) {
      await tracker.process.stop('SIGKILL');
      expect(errorCodeOf(await bob.run(['lap'], { json: true }))).to.equal('tracker-unreachable');
      tracker = await start({ command: at(seconds), port });
      const active = await watcher(tracker);
      await waitFor(async () => (await active()).join() === 'alice,bob', { what: 'both to be back' });
      const fetched = await bob.run(['get', 'a.bin', '--as', `${seconds}.bin`], { json: true });
      expect(fetched.code, fetched.stderr).to.equal(0);
    }
  });
});
