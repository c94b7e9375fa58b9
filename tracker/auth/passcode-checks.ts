/**
 * Whether a passcode is right. Attacker: a user who may see a locked publication and guesses. The tries of one user, at whatever
 * publications, count together and apart from logins, so nobody can use up those of another user. A request that is sent again is
 * the same try.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import { UDP_GIVE_UP_MS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { PasswordHasher } from './crypto-process.js';
import { GuessLimits } from './guess-limits.js';

/** Given up over UDP, a request comes once more over TCP, with the same id. */
const REMEMBERED_MS = 4 * UDP_GIVE_UP_MS;
/** The oldest are forgotten beyond this: that costs their senders another try, nobody else anything. */
const MAX_REMEMBERED = 10_000;

export interface PasscodeGuess {
  readonly user: string;
  readonly passcode: string;
  /** What the passcode must have. */
  readonly passcodeHash: string;
  /** Names the request: the same one sent again. */
  readonly requestKey: string;
}

interface Remembered {
  readonly startedAt: number;
  readonly result: Promise<void>;
}

export class PasscodeChecks {
  readonly #limits: GuessLimits;
  readonly #remembered = new Map<string, Remembered>();

  constructor(
    private readonly hasher: PasswordHasher,
    private readonly clock: Clock,
  ) {
    this.#limits = new GuessLimits(clock);
  }

  /** Resolves when it is right. @throws {ProtocolError} `wrong-passcode`, `rate-limited`, `busy`. */
  check(guess: PasscodeGuess): Promise<void> {
    this.#forgetOld();
    const key = `${guess.requestKey} ${guess.passcodeHash}`;
    const known = this.#remembered.get(key);
    if (known !== undefined) return known.result;
    const result = this.#check(guess);
    this.#remembered.set(key, { startedAt: this.clock.monotonic(), result });
    return result;
  }

  async #check({ user, passcode, passcodeHash }: PasscodeGuess): Promise<void> {
    const name = user.toLowerCase();
    const settle = this.#limits.take(name);
    let isRight: boolean;
    try {
      isRight = await this.hasher.verify(passcode, passcodeHash, { source: `passcodes of ${name}` });
    } catch (error) {
      settle(true); // nothing was tried
      throw error;
    }
    settle(isRight);
    if (!isRight) throw new ProtocolError('wrong-passcode');
  }

  #forgetOld(): void {
    const before = this.clock.monotonic() - REMEMBERED_MS;
    for (const [key, { startedAt }] of this.#remembered) {
      if (startedAt >= before && this.#remembered.size < MAX_REMEMBERED) return;
      this.#remembered.delete(key);
    }
  }
}
