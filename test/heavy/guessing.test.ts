import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { MAX_TRIES_PER_HOUR } from '../../tracker/auth/guess-limits.js';
import { newDevice } from '../tracker/raw-device.js';
import { type RawReply, userOf } from '../tracker/raw-messages.js';
import { QuickHasher, TestTracker } from '../tracker/test-tracker.js';

const GUESSES = 10_000;
const ADDRESSES = 50;
/** A connection is closed after as many failures. */
const TRIES_EACH = 10;
/** Within the hour of the first one. */
const DURATION_MS = 3_500_000;

/** T2: each user is guessed at `GUESSES` times within an hour, evenly, from `ADDRESSES` addresses. */
describe(`${GUESSES} guesses at a password from ${ADDRESSES} addresses`, function () {
  this.timeout(300_000);

  it(`are ${MAX_TRIES_PER_HOUR} an hour at most, the same whether the user exists, and the owner still logs in where he was before`, async () => {
    const clock = new VirtualClock();
    const hasher = new QuickHasher();
    await using tracker = await TestTracker.start({ clock, hasher });
    const owner = userOf('alice');
    await tracker.enterTcp(owner, { serving: false });
    const guessers = new Map([
      ['alice', new Guesser(tracker, hasher, 'alice')],
      ['nobody', new Guesser(tracker, hasher, 'nobody')],
    ]);

    for (let round = 0; round < GUESSES / TRIES_EACH; round += 1) {
      const startedAt = clock.monotonic();
      for (const guesser of guessers.values()) await guesser.tryFrom(`127.0.3.${1 + (round % ADDRESSES)}`);
      clock.advance(startedAt + (DURATION_MS * TRIES_EACH) / GUESSES - clock.monotonic());
    }
    const known = await (await tracker.tcp()).ask(tracker.login(owner, { serving: false }));
    const elsewhere = await (await tracker.tcp()).ask(tracker.login(userOf('alice'), { serving: false }));

    const [alice, nobody] = [guessers.get('alice'), guessers.get('nobody')];
    expect(alice?.answers).to.have.length(GUESSES);
    expect(alice?.verified).to.be.within(1, MAX_TRIES_PER_HOUR);
    expect([nobody?.answers, nobody?.verified]).to.deep.equal([alice?.answers, alice?.verified]);
    expect(known.ok).to.equal(true);
    expect(elsewhere.error?.code).to.equal('rate-limited');
  });
});

class Guesser {
  /** Code and waiting time of each answer, and its length. */
  readonly answers: string[] = [];
  verified = 0;

  constructor(
    private readonly tracker: TestTracker,
    private readonly hasher: QuickHasher,
    private readonly user: string,
  ) {}

  async tryFrom(address: string): Promise<void> {
    const client = await this.tracker.tcp(address);
    const before = this.hasher.verified;
    const guess = { user: this.user, password: 'wrong', device: newDevice() };
    const replies = Array.from({ length: TRIES_EACH }, () => client.ask(this.tracker.login(guess)));
    for (const reply of await Promise.all(replies)) this.note(reply);
    this.verified += this.hasher.verified - before;
    await client[Symbol.asyncDispose]();
  }

  private note({ id: _, ...reply }: RawReply): void {
    expect(reply.ok).to.equal(false);
    this.answers.push(JSON.stringify(reply));
  }
}
