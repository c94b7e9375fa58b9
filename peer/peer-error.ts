/** Failures of the peer as data: the same in the program, over the local socket and in JSON. */
import type { PublicationRow } from './api.js';

/** Codes are stable; texts are not. */
export type PeerErrorCode =
  | 'usage'
  | 'login-failed'
  | 'not-logged-in'
  | 'not-allowed'
  | 'already-active'
  | 'untrusted-tracker'
  | 'pin-changed'
  | 'passcode-needed'
  | 'wrong-passcode'
  | 'used-up'
  | 'not-found'
  | 'ambiguous'
  | 'no-source'
  | 'integrity'
  | 'tracker-unreachable'
  | 'interrupted'
  | 'name-taken'
  | 'bad-name'
  | 'exists'
  | 'disk-full'
  | 'no-depot'
  | 'depot-full'
  | 'unreadable'
  | 'unwritable'
  | 'is-directory'
  | 'not-a-file'
  | 'too-large'
  | 'changed'
  | 'port-in-use'
  | 'in-use'
  | 'bad-config'
  | 'too-many'
  | 'not-yet'
  | 'protocol'
  | 'internal';

/** A failure as data: what happened, to what, and what to do next. */
export interface PeerProblem {
  readonly code: PeerErrorCode;
  readonly message: string;
  /** The choices, when `ambiguous`. */
  readonly choices?: readonly PublicationRow[];
  /** The tracker's pin, when `untrusted-tracker` or `pin-changed`. */
  readonly pin?: string;
  /** No try will be heard before, when `too-many`. */
  readonly retryAfterMs?: number;
}

/** What every call of this interface throws. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  constructor(
    readonly problem: PeerProblem,
    options?: ErrorOptions,
  ) {
    super(problem.message, options);
  }
  get code(): PeerErrorCode {
    return this.problem.code;
  }
}
