import { createHmac } from 'node:crypto';
import type { Terms as WireTerms } from '../../common/protocol/messages.js';
import { hashPassword } from '../../common/wire/password-hash.js';
import { SALT_BYTES } from '../../common/wire/phc.js';
import type { ShownTerms, Terms } from '../api.js';
import type { Library } from './library.js';

/**
 * Terms as the tracker gets them, and as they wait in the library: of a passcode only a hash leaves this function. The same passcode has
 * the same hash again, or giving it twice would end every running download. Attacker: who reads the tracker's store; he learns which of
 * one owner's locks are equal, and guesses as slowly as ever.
 */
export async function wireTerms({ passcode, ...rest }: Terms, library: Pick<Library, 'lockKey'>): Promise<WireTerms> {
  if (passcode === undefined) return rest;
  if (passcode === null) return { ...rest, passcodeHash: null };
  const salt = createHmac('sha256', library.lockKey()).update(passcode).digest().subarray(0, SALT_BYTES);
  return { ...rest, passcodeHash: await hashPassword(passcode, salt) };
}

/** What was asked for, as a list will tell it; what was taken away is left out. */
export function shownTerms({ passcodeHash, expiresAt, downloads }: WireTerms): ShownTerms {
  return {
    ...(passcodeHash ? { locked: true } : {}),
    ...(expiresAt == null ? {} : { expiresAt }),
    ...(downloads == null ? {} : { downloads: { ...downloads, left: downloads.most } }),
  };
}
