// The tracker that is measured, with a user who publishes, one who asks, and sessions for two generators.
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { RawSession } from '../../test/e2e/raw-session.js';
import { startTracker, type TrackerHandle } from '../../test/support/program.js';
import type { TempDir } from '../../test/support/temp.js';
import { freePort } from '../support/servers.js';
import { ShoalSessions } from './shoal-sessions.js';

/** The tracker allows 64 sessions a user. */
const FORKS_A_USER = 50;
/** With 100,000 users the first start takes half a minute. */
const START_MS = 120_000;

export interface BenchTracker extends AsyncDisposable {
  readonly handle: TrackerHandle;
  readonly pid: number;
  /** Serves, so that what it publishes is found. */
  readonly owner: RawSession;
  readonly reader: RawSession;
  /** One for each generator. */
  readonly groups: readonly ShoalSessions[];
  /** The page that Prometheus reads. */
  metrics(): Promise<string>;
}

/** `sessionCount`: of each of the two groups. `accounts`: more users, with passwords or hashes. */
export async function startBenchTracker(
  dir: TempDir,
  sessionCount: number,
  accounts: Readonly<Record<string, string>> = {},
): Promise<BenchTracker> {
  await using parts = new AsyncDisposableStack();
  const crowds = [0, 1].map((group) => crowdOf(group, sessionCount));
  const users = ['alice', 'bob', ...crowds.flat()];
  const statusPort = await freePort();
  const handle = parts.use(
    await startTracker({
      credentials: { ...Object.fromEntries(users.map((user) => [user, passwordOf(user)])), ...accounts },
      data: dir.join('tracker'),
      startMs: START_MS,
      // What the default limits would keep one user from is what is measured here.
      args: ['--status-port', String(statusPort), '--publish-rate', '0', '--request-rate', '0', '--quota', '100000000'],
    }),
  );
  const owner = parts.use(await logIn(dir, handle, 'alice'));
  const reader = parts.use(await logIn(dir, handle, 'bob'));
  parts.use(keepAlive(owner));
  parts.use(keepAlive(reader));
  const groups = [];
  for (const crowd of crowds) groups.push(await openGroup(dir, handle, crowd, sessionCount));
  const owned = parts.move();
  return {
    ...{ handle, pid: handle.process.pid, owner, reader, groups },
    metrics: async () => (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function passwordOf(user: string): string {
  return `a password for ${user}`;
}

async function logIn(dir: TempDir, { host, port, pin }: TrackerHandle, user: string): Promise<RawSession> {
  const device = await loadOrCreateIdentity(dir.join(`${user}.pem`), { commonName: user });
  const presence = { serving: user === 'alice', libraryRevision: 0, ...(user === 'alice' ? { filePort: 40_123 } : {}) };
  return RawSession.open({ host, port, pin }, { transport: 'tcp', user, password: passwordOf(user), device, presence });
}

/** Whoever stops sending is offline, what he publishes is not found any more, and a silent connection is closed. */
function keepAlive(session: RawSession): Disposable {
  const timer = setInterval(() => void session.request('heartbeat', {}).catch(() => undefined), 1_000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** A login costs a password hash, so several sessions are forked from each. */
async function openGroup(
  dir: TempDir,
  tracker: TrackerHandle,
  crowd: readonly string[],
  count: number,
): Promise<ShoalSessions> {
  const grants = [];
  for (const user of crowd) {
    using session = await logIn(dir, tracker, user);
    grants.push(session.grant);
  }
  return ShoalSessions.open({ port: tracker.port, pin: tracker.pin.replace('sha256:', ''), grants, count });
}

function crowdOf(group: number, sessionCount: number): readonly string[] {
  return Array.from({ length: Math.ceil(sessionCount / FORKS_A_USER) }, (_, index) => `user-${group}-${index}`);
}
