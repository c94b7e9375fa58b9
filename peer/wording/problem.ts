/** Failures in words: what happened, to what, what to do next. The codes are the peer's, the first words are always the same. */

import { formatCount } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import { PeerError, type PeerErrorCode, type PeerProblem } from '../api.js';
import { type Layout, paragraph, stackedLayouts } from './listing.js';
import { choiceTable } from './publications.js';

/** How a failure of this kind begins; empty where the message says it all. */
const TITLES = {
  usage: '',
  'login-failed': 'Wrong user or password',
  'not-logged-in': 'Not logged in',
  'not-allowed': 'Not allowed',
  'already-active': 'This user is active already',
  'untrusted-tracker': 'Unknown tracker',
  'pin-changed': 'The identity of the tracker has changed',
  'passcode-needed': 'Passcode needed',
  'wrong-passcode': 'Wrong passcode',
  'used-up': 'No downloads left',
  'not-found': 'File not found',
  ambiguous: 'Ambiguous',
  'no-source': 'No source reachable',
  integrity: 'Integrity check failed',
  'tracker-unreachable': 'Tracker not responding',
  interrupted: 'Stopped',
  'name-taken': 'Name already taken',
  'bad-name': 'Name not allowed',
  exists: 'File already exists',
  'disk-full': 'Not enough free space',
  'no-depot': 'No depot',
  'depot-full': 'Not enough room in the depots',
  unreadable: 'Cannot be read',
  unwritable: 'Cannot be written',
  'is-directory': 'This is a folder',
  'not-a-file': 'This is not a file',
  'too-large': 'Too large',
  changed: 'The file has changed',
  'port-in-use': 'Port in use',
  'in-use': 'In use',
  'bad-config': 'Wrong settings',
  'too-many': 'Too many',
  'not-yet': 'Not in this version yet',
  protocol: 'The other side broke the protocol',
  internal: 'Internal error',
} as const satisfies Record<PeerErrorCode, string>;

/** Such a message says itself what it is about, a file or something else. */
const SAYS_ALL = /^(?:Cannot|No|There is no) /;

/** The failure in one line: `File not found. Nothing … is called x.` */
export function problemText({ code, message }: PeerProblem): string {
  const title = TITLES[code];
  const rest = safeDisplay(message.trim());
  if (title === '' || rest === '') return rest || title || code;
  if (code !== 'internal' && SAYS_ALL.test(rest)) return rest;
  return rest.toLowerCase().startsWith(title.toLowerCase()) ? rest : `${title}. ${upperFirst(rest)}`;
}

/** The kind of failure alone, for places with room for a few words. */
export function problemTitle({ code, message }: PeerProblem): string {
  return TITLES[code] || safeDisplay(message);
}

/** The failure with everything it carries: the choices when a name is ambiguous, and how to name each. */
export function problemLayout(problem: PeerProblem, now: number): Layout {
  const { choices = [] } = problem;
  if (problem.code !== 'ambiguous' || choices.length === 0) return paragraph(problemText(problem), 'bad');
  return stackedLayouts([
    paragraph(`Ambiguous: this may be any of ${formatCount(choices.length, 'file')}. Name one of them:`, 'bad'),
    (width) => choiceTable(choices, { width, now }),
  ]);
}

/** What any thrown value says about itself; what is no `PeerError` is a fault of ours. */
export function problemOf(error: unknown): PeerProblem {
  if (error instanceof PeerError) return error.problem;
  if (!(error instanceof Error)) return { code: 'internal', message: String(error) };
  if (error.name === 'AbortError') return { code: 'interrupted', message: '' };
  return diskProblem(error) ?? { code: 'internal', message: error.message };
}

/** Primary result codes of SQLite. */
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

/** A disk in trouble under the data folder, as the system or SQLite tells it; undefined for anything else. */
function diskProblem(error: Error & { readonly code?: unknown; readonly errcode?: unknown }): PeerProblem | undefined {
  const { code, errcode, message } = error;
  const result = typeof errcode === 'number' ? errcode & 0xff : undefined;
  const otherwise = 'or choose another data folder with --data.';
  if (code === 'ENOSPC' || code === 'EDQUOT' || result === SQLITE_FULL)
    return { code: 'disk-full', message: `${message}. Free some space, ${otherwise}` };
  if (result !== SQLITE_IOERR) return undefined;
  const advice = `See whether its disk is full or failing, ${otherwise}`;
  return { code: 'unwritable', message: `Cannot read or write the data folder: ${message}. ${advice}` };
}

/** How our own texts begin that have no capital letter. Others begin with a name, which is shown as it is written: `photos`. */
const OWN_START = /^(?:cannot|chunk|no|nobody|nothing|reading|the|there|this|unknown) /;

function upperFirst(text: string): string {
  return OWN_START.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
