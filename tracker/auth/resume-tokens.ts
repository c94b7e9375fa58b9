import { randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { fromBase64url, isBase64url, toBase64url } from '../../common/protocol/base64url.js';
import { RESUME_TOKEN_LIFE_MS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import { resumeProof } from '../../common/wire/sealed-resume.js';
import { openToken, SealedTokenError, sealToken } from '../../common/wire/sealed-token.js';

const KEY_BYTES = 32;
const SESSION_BYTES = 16;

/** What a resume token says; only this tracker can read or write one. See docs/protocol.md "Sealed tokens". */
const claimSchema = z.object({
  v: z.literal(1),
  user: z.string(),
  session: z.string().refine((text) => isBase64url(text, SESSION_BYTES)),
  generation: z.number().int(),
  resumeKey: z.string().refine((text) => isBase64url(text, KEY_BYTES)),
  device: z.string(),
  notAfter: z.number().int(),
});
type SealedClaim = z.output<typeof claimSchema>;

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
      const claim = claimSchema.safeParse(openToken(token, this.sealKey, this.clock.now())).data;
      return claim === undefined ? undefined : { ...claim, resumeKey: fromBase64url(claim.resumeKey, KEY_BYTES) };
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
