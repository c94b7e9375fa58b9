/** What the tracker said, or did not say, as problems that people and scripts understand. Both directions of codes meet only here. */

import { formatDuration } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import { ERROR_TEXTS, type ErrorCode, ProtocolError } from '../../common/protocol/errors.js';
import type { ErrorBody } from '../../common/protocol/messages.js';
import { ownCommand, ownProgram } from '../../common/runtime/own-command.js';
import { formatPin } from '../../common/wire/identity.js';
import { PeerError, type PeerErrorCode, type PeerProblem } from '../api.js';

const CODE_OF: Partial<Record<ErrorCode, PeerErrorCode>> = {
  'login-failed': 'login-failed',
  'already-active': 'already-active',
  'not-logged-in': 'not-logged-in',
  'session-ended': 'not-logged-in',
  'bad-token': 'not-logged-in',
  'not-allowed': 'not-allowed',
  'not-found': 'not-found',
  'unknown-name': 'not-found',
  'passcode-needed': 'passcode-needed',
  'wrong-passcode': 'wrong-passcode',
  'used-up': 'used-up',
  'name-taken': 'name-taken',
  'bad-name': 'bad-name',
  'too-large': 'too-large',
  'rate-limited': 'too-many',
  banned: 'not-allowed',
  busy: 'too-many',
  quota: 'too-many',
  'no-depot': 'no-depot',
  'depot-full': 'depot-full',
  unreachable: 'no-source',
  'no-relay': 'not-allowed',
  'relay-quota': 'too-many',
  'too-many-pending': 'too-many',
  'shutting-down': 'tracker-unreachable',
  storage: 'internal',
  internal: 'internal',
};

const TEXT_OF: Partial<Record<ErrorCode, string>> = {
  'login-failed': 'Wrong user or password. Try again.',
  'already-active':
    'This user is active already, in another program or on another device. Use xit there, or wait 10 seconds if it crashed.',
  'not-logged-in': 'Not logged in. Log in again.',
  'session-ended': 'The tracker ended this session. Log in again.',
  'bad-token': 'The saved session is not valid any more. Log in with the password.',
  'name-taken':
    'Name already taken by another publication of yours. Choose another with --as NAME, or take it over with --replace.',
  'not-allowed': 'The tracker does not let this session do that.',
  'not-found': 'The tracker knows no such publication that you may fetch.',
  'bad-name': 'The tracker does not take it. Choose another with --as NAME.',
  'too-large': 'The tracker takes no file of this size.',
  'too-many-pending': 'Too many changes are under way at once. Try again in a moment.',
  'shutting-down': 'Tracker not responding: it is shutting down. Try again when it is back.',
  'unknown-name':
    'There is no user or group of one of these names, so nothing was changed. Check how they are written.',
  banned: 'Banned: this tracker does not let your account in. Ask its administrator.',
  'passcode-needed': 'Passcode needed. Give it with --passcode-file FILE or SHOAL_PASSCODE, or in a terminal.',
  'wrong-passcode': 'Wrong passcode. Ask the owner for the right one.',
  'used-up': 'No downloads left of those that the owner allows. Ask the owner for more.',
  busy: 'Too many ask the tracker at once. Try again in a moment.',
  'no-depot':
    'No depot takes this now. Depots may be offline; and what is not public goes only where you say, with --to USER.',
  'depot-full': 'Nothing was sent. Remove something with del, or ask who runs the depot for more.',
  quota:
    'Your quota of publications, or of stored bytes, is used up at the tracker. Withdraw something with unp or del first.',
  unreachable: 'The other peer cannot be reached, and cannot dial this computer.',
  'no-relay': 'The tracker relays nothing for you. Ask its administrator to raise relayBytes.',
  'relay-quota':
    'What the tracker relays for you in a day is used up. Go on tomorrow, or ask its administrator for more.',
  storage:
    'The tracker cannot use its store now, so nothing was changed. Tell its administrator to look at its disk or database.',
  internal: 'The tracker failed inside. Tell its administrator to look at its log.',
};

/** Cells of a screen for what an administrator has to say. */
const MAX_REASON_CELLS = 400;

/** The problem behind an error reply. Texts are ours: of the remote text only why somebody was banned reaches a screen, made safe. */
export function problemOf(error: ErrorBody): PeerProblem {
  if (error.code === 'banned') {
    const more = error.message.replace(ERROR_TEXTS.banned, '').trim();
    const said = more === '' ? '' : ` It says: ${safeDisplay(more, { maxCells: MAX_REASON_CELLS })}`;
    return { code: 'not-allowed', message: `${TEXT_OF.banned}${said}` };
  }
  if (error.code === 'rate-limited') return throttled(error.retryAfterMs);
  const message = TEXT_OF[error.code] ?? `The tracker refused: ${error.code}.`;
  return { code: CODE_OF[error.code] ?? 'protocol', message };
}

function throttled(retryAfterMs: number | undefined): PeerProblem {
  const code = 'too-many';
  if (retryAfterMs === undefined) return { code, message: 'Too many attempts. Try again later.' };
  return { code, message: `Too many attempts. Try again in ${formatDuration(retryAfterMs)}.`, retryAfterMs };
}

export function peerErrorOf(error: ErrorBody): PeerError {
  return new PeerError(problemOf(error), { cause: new ProtocolError(error.code as ErrorCode) });
}

export function notLoggedIn(): PeerError {
  return new PeerError({ code: 'not-logged-in', message: 'Not logged in. Log in first.' });
}

export function trackerUnreachable(address: string, cause?: unknown): PeerError {
  const isHere = /^(?:127\.|localhost:|\[?::1)/.test(address);
  const advice = isHere
    ? `Start one on this computer with ${ownProgram()} tracker, or name another with --tracker.`
    : 'Check the address, and ask the person who runs it.';
  const message = `Tracker not responding at ${address}. ${advice}`;
  return new PeerError({ code: 'tracker-unreachable', message }, { cause });
}

export function pinChanged(address: string, found: string): PeerError {
  const message =
    `The tracker at ${address} has another identity than the one on record, so nothing was sent. ` +
    `If its administrator confirms the new one, run: ${ownCommand(`trust forget ${address}`)}`;
  return new PeerError({ code: 'pin-changed', message, pin: formatPin(found) });
}

/** Nothing but a new login helps. */
export function isFinal(error: unknown): error is PeerError {
  return (
    error instanceof PeerError &&
    (error.code === 'not-logged-in' || error.code === 'pin-changed' || error.code === 'login-failed')
  );
}

/** This node will be gone. */
export function isLeaving(reply: { readonly ok: boolean; readonly error?: { readonly code: string } }): boolean {
  return reply.error?.code === 'shutting-down';
}

export function saysUseTcp(reply: object): boolean {
  return 'error' in reply && (reply.error as { code?: unknown } | undefined)?.code === 'use-tcp';
}
