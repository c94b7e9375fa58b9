/** F02 and F22 with many peers: what a tracker that was killed, or stood still, finds when it is back. */
import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { RawTcp } from '../tracker/raw-client.js';
import { loginOf, type RawReply, request, userOf } from '../tracker/raw-messages.js';
import { killHard, placeOf, startTrackerProcess } from '../tracker/tracker-process.js';
import { Crowd } from './crowd.js';

const PEERS = Number(process.env['PEERS'] ?? 10_000);
const ENTERING_PER_SECOND = 1_500;
/** Of nobody's password: the crowd comes with tokens. */
const NO_PASSWORD = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Milliseconds on the clock that all threads share. */
const now = (): number => performance.timeOrigin + performance.now();

describe(`${PEERS} peers at addresses of their own`, function () {
  this.timeout(180_000);

  it('are all active again when a killed tracker is back, with no password', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const dir = cleanUp.use(await tempDir());
    const data = dir.join('data');
    const users = Array.from({ length: PEERS }, (_, index) => `peer${index}`);
    const watcher = userOf('watcher');
    const lines = [`${watcher.user} ${watcher.password}`, ...users.map((user) => `${user} ${NO_PASSWORD}`)];
    writeFileSync(dir.join('credentials.txt'), lines.join('\n'), { mode: 0o600 });
    const first = cleanUp.use(await startTrackerProcess({ data, credentials: dir.join('credentials.txt') }));
    const crowd = cleanUp.use(Crowd.start(first, users, ENTERING_PER_SECOND));
    crowd.enter();
    await waitFor(async () => (await crowd.counts()).resumedAt.every((at) => at > 0), {
      what: 'the whole crowd',
      timeoutMs: 60_000,
    });
    const { beatsAnswered } = await crowd.counts();
    await waitFor(async () => (await crowd.counts()).beatsAnswered > beatsAnswered + 2 * PEERS, {
      what: 'two heartbeats of everybody',
      timeoutMs: 60_000,
    });

    await killHard(first);
    const killedAt = now();
    const again = cleanUp.use(await startTrackerProcess({ data, port: first.port, ...(process.env['PROF'] ? { env: { NODE_OPTIONS: '--cpu-prof --cpu-prof-dir=/tmp/prof-live' } } : {}) }));
    const listensAt = now();
    const back = await waitFor(
      async () => {
        const { resumedAt } = await crowd.counts();
        return resumedAt.every((at) => at > killedAt) && resumedAt;
      },
      { what: 'everybody to be back', timeoutMs: 60_000 },
    );

    const sorted = back.map((at) => at - listensAt).toSorted((a, b) => a - b);
    const part = (share: number): string => `${((sorted[Math.ceil(share * PEERS) - 1] ?? 0) / 1_000).toFixed(2)} s`;
    process.stdout.write(
      `      back after ${part(0.5)} (half), ${part(0.999)} (99.9 %), ${part(1)} (all); down for ${Math.round(listensAt - killedAt)} ms\n`,
    );
    const place = placeOf(again);
    const client = cleanUp.use(await RawTcp.open(place));
    await client.ask(loginOf(watcher, place.pin, { serving: false }));
    expect(await usersListed(client)).to.have.length(PEERS);
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
