/**
 * `npm run bench:login-timing`: whether the time that a refused login takes tells if the user exists (T3 of the threat model). Wrong passwords for
 * users that there are, that are disabled and that there are not, in random order, one at a time, each from a connection of its own, at
 * a real tracker with real argon2id. Options: --attempts 2000 --document no. Exit code 1 when the medians are 2 ms or more apart, or a
 * guess from one time is right more often than chance allows.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { type Identity, loadOrCreateIdentity } from '../common/wire/identity.js';
import { hashPassword } from '../common/wire/password-hash.js';
import { connectPinned } from '../common/wire/pinned-tls.js';
import { loginMessage } from '../peer/tracker-client/session-keys.js';
import { startTracker, type TrackerHandle } from '../test/support/program.js';
import { integerBetween, randomFrom, seedFor } from '../test/support/seed.js';
import { tempDir } from '../test/support/temp.js';
import { openSqliteStore } from '../tracker/store/sqlite-store.js';
import { writeSection } from './support/document.js';
import { describeLoad, describeMachine } from './support/machine.js';
import { countOf, optionsOf } from './support/options.js';
import { median } from './support/statistics.js';

const KINDS = ['active', 'disabled', 'unknown'] as const;
type Kind = (typeof KINDS)[number];

const MOST_GAP_MS = 2;
/** Standard deviations by which a share of right guesses may be off one half; chance goes beyond it once in 15,000 runs. */
const MOST_SIGMA = 4;
const TIMEOUT_MS = 30_000;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const options = optionsOf({ attempts: '2000', document: 'no' });
const attempts = countOf('attempts', options.attempts);
/** Each name is tried once: a second try at the same would be delayed. */
const each = Math.ceil(attempts / KINDS.length);
const nameOf = (kind: Kind, index: number): string => `${kind.slice(0, 4)}${String(index).padStart(5, '0')}`;

async function main(): Promise<void> {
  await using dir = await tempDir();
  const hash = await hashPassword('a password that nobody guesses');
  const known = KINDS.slice(0, 2).flatMap((kind) => Array.from({ length: each }, (_, index) => nameOf(kind, index)));
  const data = dir.join('tracker');
  await using tracker = await startTracker({
    credentials: Object.fromEntries(known.map((user) => [user, hash])),
    data,
  });
  await disable(
    known.filter((name) => name.startsWith('disa')),
    data,
  );
  const device = await loadOrCreateIdentity(dir.join('device.pem'), { commonName: 'bench' });
  await timeOf('nobody', tracker, device); // the first one warms up what later ones use

  const times: Record<Kind, number[]> = { active: [], disabled: [], unknown: [] };
  for (const { kind, user } of inRandomOrder()) times[kind].push(await timeOf(user, tracker, device));
  const { text, isGood } = report(times);
  say(`\n${text}`);
  if (options.document === 'yes') await writeSection('login-timing', text);
  if (!isGood) process.exitCode = 1;
}

/** Beside the tracker, as `shoal user disable` does it. */
async function disable(users: readonly string[], data: string): Promise<void> {
  const store = await openSqliteStore({ path: join(data, 'tracker.sqlite'), isTracker: false });
  for (const user of users) await store.changeAccount(user, { kind: 'disable' }, Date.now());
  await store.close();
}

function inRandomOrder(): { kind: Kind; user: string }[] {
  const random = randomFrom(seedFor('login timing'));
  const all = KINDS.flatMap((kind) =>
    Array.from({ length: each }, (_, index) => ({ kind, user: nameOf(kind, index) })),
  );
  for (let last = all.length - 1; last > 0; last -= 1) {
    const other = integerBetween(random, 0, last);
    [all[last], all[other]] = [all[other] as (typeof all)[0], all[last] as (typeof all)[0]];
  }
  return all;
}

/** From the request to its reply, ms. */
async function timeOf(user: string, { host, port, pin }: TrackerHandle, device: Identity): Promise<number> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const trackerPin = pin.replace(/^sha256:/, '');
  const place = { host, port, pin: trackerPin, alpn: 'shoal-tracker/1' };
  const { socket } = await connectPinned({ ...place, timeoutMs: TIMEOUT_MS, signal });
  const presence = { serving: false, libraryRevision: 0 };
  const message = loginMessage({ id: 'timed', user, password: 'wrong', trackerPin, device, presence });
  const replied = once(socket, 'data', { signal });
  const startedAt = performance.now();
  socket.write(`${JSON.stringify(message)}\n`);
  const [reply] = (await replied) as [Buffer];
  const tookMs = performance.now() - startedAt;
  socket.destroy();
  if (!reply.includes('"login-failed"')) throw new Error(`not refused as expected: ${reply.toString()}`);
  return tookMs;
}

function report(times: Record<Kind, number[]>): { text: string; isGood: boolean } {
  const middle = (kind: Kind): number => median(times[kind]);
  const rows = (['active', 'disabled'] as const).map((kind) => {
    const gapMs = middle(kind) - middle('unknown');
    const { share, sigma } = shareOfLonger(times[kind], times.unknown);
    return { kind, gapMs, share, sigma, isGood: Math.abs(gapMs) < MOST_GAP_MS && Math.abs(sigma) < MOST_SIGMA };
  });
  const lines = rows.map(({ kind, gapMs, share, sigma }) =>
    [
      ...['', `${kind} against unknown`, middle(kind).toFixed(2), middle('unknown').toFixed(2), gapMs.toFixed(3)],
      ...[`${(100 * share).toFixed(1)} %`, sigma.toFixed(1), ''],
    ]
      .join(' | ')
      .trim(),
  );
  const text = [
    '### What the time of a refused login tells',
    `${each} attempts of each kind in random order, one at a time, over TCP. ${describeMachine()}. ${describeLoad()}.`,
    [
      '| user | median, ms | unknown, ms | gap, ms | longer than an unknown one | standard deviations from 50 % |',
      '|---|---|---|---|---|---|',
      ...lines,
    ].join('\n'),
  ].join('\n\n');
  return { text, isGood: rows.every(({ isGood }) => isGood) };
}

/** How often one of `a` took longer than one of `b` (Mann-Whitney), and how far that is from a half. */
function shareOfLonger(a: readonly number[], b: readonly number[]): { share: number; sigma: number } {
  const sorted = b.toSorted((x, y) => x - y);
  const below = (value: number): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const between = Math.floor((low + high) / 2);
      if ((sorted[between] as number) < value) low = between + 1;
      else high = between;
    }
    return low;
  };
  const share = a.reduce((sum, value) => sum + below(value), 0) / (a.length * b.length);
  const deviation = Math.sqrt((a.length + b.length + 1) / (12 * a.length * b.length));
  return { share, sigma: (share - 0.5) / deviation };
}

await main();
