/** F02 and F22 with many peers: what a tracker that was killed, or stood still, finds when it is back. */
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { TrackerHandle } from '../support/program.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { RawTcp } from '../tracker/raw-client.js';
import { loginOf, type RawReply, request, userOf } from '../tracker/raw-messages.js';
import { killHard, placeOf, startTrackerProcess } from '../tracker/tracker-process.js';
import { Crowd } from './crowd.js';

const PEERS = Number(process.env['PEERS'] ?? 10_000);
const STANDING = 500;
const ENTERING_PER_SECOND = 1_500;
/** Of nobody's password: the crowd comes with tokens. */
const NO_PASSWORD = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Milliseconds on the clock that all threads share. */
const now = (): number => performance.timeOrigin + performance.now();

const WATCHER = userOf('watcher');
const PATIENCE = { timeoutMs: 120_000 };

/** A tracker with so many serving peers, each of which has sent some heartbeats. */
async function startWithCrowd(
  cleanUp: AsyncDisposableStack,
  peers: number,
): Promise<{ tracker: TrackerHandle; crowd: Crowd }> {
  const dir = cleanUp.use(await tempDir());
  const users = Array.from({ length: peers }, (_, index) => `peer${index}`);
  const lines = [`${WATCHER.user} ${WATCHER.password}`, ...users.map((user) => `${user} ${NO_PASSWORD}`)];
  const credentials = dir.join('credentials.txt');
  writeFileSync(credentials, lines.join('\n'), { mode: 0o600 });
  const tracker = cleanUp.use(await startTrackerProcess({ data: dir.join('data'), credentials }));
  const crowd = cleanUp.use(Crowd.start(tracker, users, ENTERING_PER_SECOND));
  crowd.enter();
  await waitFor(async () => (await crowd.counts()).resumed === peers, {
    ...PATIENCE,
    what: 'the whole crowd',
  });
  const { beatsAnswered } = await crowd.counts();
  await waitFor(async () => (await crowd.counts()).beatsAnswered > beatsAnswered + 2 * peers, {
    ...PATIENCE,
    what: 'two heartbeats of everybody',
  });
  return { tracker, crowd };
}

async function watch(cleanUp: AsyncDisposableStack, tracker: TrackerHandle): Promise<RawTcp> {
  const place = placeOf(tracker);
  const client = cleanUp.use(await RawTcp.open(place));
  await client.ask(loginOf(WATCHER, place.pin, { serving: false }));
  return client;
}

describe(`${STANDING} peers of a tracker that stands still`, function () {
  this.timeout(300_000);

  for (const stoppedMs of [1_000, 4_000, 10_000]) {
    it(`for ${stoppedMs / 1_000} s are all listed from its first answer on`, async () => {
      await using cleanUp = new AsyncDisposableStack();
      const { tracker } = await startWithCrowd(cleanUp, STANDING);
      const client = await watch(cleanUp, tracker);

      process.kill(tracker.process.pid, 'SIGSTOP');
      await pause(stoppedMs); // how long it stands still is what is tested
      process.kill(tracker.process.pid, 'SIGCONT');
      const since = performance.now();
      const counts = [(await usersListed(client)).length];
      const firstMs = Math.round(performance.now() - since);
      while (performance.now() - since < 8_000) counts.push((await usersListed(client)).length);

      process.stdout.write(`      the list was there ${firstMs} ms after it went on\n`);
      expect(new Set(counts)).to.deep.equal(new Set([STANDING]));
    });
  }
});

describe(`${PEERS} peers at addresses of their own`, function () {
  this.timeout(300_000);

  it('are all active again when a killed tracker is back, with no password', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const { tracker: first, crowd } = await startWithCrowd(cleanUp, PEERS);

    await killHard(first);
    const killedAt = now();
    const again = cleanUp.use(await startTrackerProcess({ data: first.data, port: first.port }));
    const listensAt = now();
    await waitFor(async () => (await crowd.counts(killedAt)).resumed === PEERS, {
      ...PATIENCE,
      what: 'everybody to be back',
    });

    const sorted = (await crowd.resumeTimes()).map((at) => at - listensAt).toSorted((a, b) => a - b);
    const part = (share: number): string => `${((sorted[Math.ceil(share * PEERS) - 1] ?? 0) / 1_000).toFixed(2)} s`;
    process.stdout.write(
      `      back after ${part(0.5)} (half), ${part(0.999)} (99.9 %), ${part(1)} (all); down for ${Math.round(listensAt - killedAt)} ms\n`,
    );
    expect(await usersListed(await watch(cleanUp, again))).to.have.length(PEERS);
  });
});

async function usersListed(client: RawTcp): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page: RawReply = await client.ask(request('listPeers', { limit: 1_000, ...(cursor ? { cursor } : {}) }));
    found.push(...page['peers'].map(({ user }: { user: string }) => user));
    cursor = page['cursor'];
  } while (cursor !== undefined);
  return found;
}
