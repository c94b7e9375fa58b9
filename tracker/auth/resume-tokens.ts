import { randomBytes, timingSafeEqual } from 'node:crypto';
import { fromBase64url, isBase64url, toBase64url } from '../../common/protocol/base64url.js';
import { RESUME_TOKEN_LIFE_MS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import { resumeProof } from '../../common/wire/sealed-resume.js';
import { openToken, SealedTokenError, sealToken } from '../../common/wire/sealed-token.js';

const KEY_BYTES = 32;
const SESSION_BYTES = 16;

/** What a resume token says; only this tracker can read or write one. See docs/protocol.md "Sealed tokens". */
interface SealedClaim {
  readonly v: 1;
  readonly user: string;
  readonly session: string;
  readonly generation: number;
  readonly resumeKey: string;
  readonly device: string;
  readonly notAfter: number;
}

export interface ResumeClaim {
  readonly user: string;
  /** base64url of 16 bytes. */
  readonly session: string;
  readonly generation: number;
  readonly resumeKey: Buffer;
  /** Pin. */
  readonly device: string;
}

/** A claim as it was read from a token. */
export interface OpenedClaim extends ResumeClaim {
  /** ms since epoch. */
  readonly notAfter: number;
}

export class ResumeTokens {
  #last: { readonly token: string; readonly claim: OpenedClaim } | undefined;

  constructor(
    private readonly sealKey: Buffer,
    private readonly clock: Clock,
  ) {}

  newKey(): Buffer {
    return randomBytes(KEY_BYTES);
  }

  seal({ user, session, generation, resumeKey, device }: ResumeClaim): string {
    const notAfter = Math.floor(this.clock.now()) + RESUME_TOKEN_LIFE_MS;
    const claim: SealedClaim = { v: 1, user, session, generation, resumeKey: toBase64url(resumeKey), device, notAfter };
    return sealToken(claim, this.sealKey);
  }

  /** Undefined: not made here, or too old. Whether the session may still be resumed is the caller's to judge. */
  open(token: string): OpenedClaim | undefined {
    // Over UDP a token is opened for its key and at once again by its handler: thousands return at once after a restart.
    if (this.#last?.token === token && this.#last.claim.notAfter >= this.clock.now()) return this.#last.claim;
    const claim = this.#open(token);
    this.#last = claim === undefined ? undefined : { token, claim };
    return claim;
  }

  /** The same token as long as it is good for half of its life, so that a resume costs one sealing operation, not two. */
  renew(token: string, claim: OpenedClaim): string {
    return claim.notAfter - this.clock.now() > RESUME_TOKEN_LIFE_MS / 2 ? token : this.seal(claim);
  }

  #open(token: string): OpenedClaim | undefined {
    try {
      const claim = openToken(token, this.sealKey, this.clock.now());
      return isClaim(claim) ? { ...claim, resumeKey: fromBase64url(claim.resumeKey, KEY_BYTES) } : undefined;
    } catch (error) {
      if (error instanceof SealedTokenError) return undefined;
      throw error;
    }
  }

  /** A token alone is worth nothing to who saw it pass: the key in it must be proven. */
  isProven(claim: ResumeClaim, { attempt, proof }: { readonly attempt: string; readonly proof: string }): boolean {
    const expected = resumeProof(claim.resumeKey, fromBase64url(attempt, 16));
    return timingSafeEqual(expected, fromBase64url(proof, 32));
  }
}

/** Sealed by us, so it is what we wrote, unless a later version wrote it. */
function isClaim(value: object): value is SealedClaim {
  const claim = value as Partial<Record<keyof SealedClaim, unknown>>;
  const isText = [claim.user, claim.device].every((text) => typeof text === 'string');
  const isBytes = (text: unknown, length: number): boolean => typeof text === 'string' && isBase64url(text, length);
  return (
    claim.v === 1 &&
    isText &&
    Number.isSafeInteger(claim.generation) &&
    isBytes(claim.session, SESSION_BYTES) &&
    isBytes(claim.resumeKey, KEY_BYTES)
  );
}
