/** Exit codes of the command line (docs: "CLI contract"): scripts rely on them. */
import type { PeerErrorCode } from '../api.js';

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

const EXIT_CODES: Partial<Record<PeerErrorCode, number>> = {
  usage: EXIT_USAGE,
  'bad-config': EXIT_USAGE,
  'not-yet': EXIT_USAGE,
  'login-failed': 3,
  'not-logged-in': 3,
  'not-allowed': 3,
  'already-active': 3,
  'untrusted-tracker': 3,
  'pin-changed': 3,
  'passcode-needed': 3,
  'wrong-passcode': 3,
  'used-up': 3,
  'not-found': 4,
  'no-source': 5,
  integrity: 6,
  'tracker-unreachable': 7,
  interrupted: EXIT_INTERRUPTED,
};

/** What a process ends with when its command failed like this. */
export function exitCodeFor(code: PeerErrorCode): number {
  return EXIT_CODES[code] ?? EXIT_FAILED;
}
