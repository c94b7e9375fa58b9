import type { Terms as WireTerms } from '../../common/protocol/messages.js';
import { hashPassword } from '../../common/wire/password-hash.js';
import type { ShownTerms, Terms } from '../api.js';

/** Terms as the tracker gets them, and as they wait in the library: of a passcode only a hash leaves this function. */
export async function wireTerms({ passcode, ...rest }: Terms): Promise<WireTerms> {
  if (passcode === undefined) return rest;
  return { ...rest, passcodeHash: passcode === null ? null : await hashPassword(passcode) };
}

/** What was asked for, as a list will tell it; what was taken away is left out. */
export function shownTerms({ passcodeHash, expiresAt, downloads }: WireTerms): ShownTerms {
  return {
    ...(passcodeHash ? { locked: true } : {}),
    ...(expiresAt == null ? {} : { expiresAt }),
    ...(downloads == null ? {} : { downloads: { ...downloads, left: downloads.most } }),
  };
}
