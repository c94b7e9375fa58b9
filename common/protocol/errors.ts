/** Error codes of both protocols and what they mean. Codes are part of the protocol: add, never rename. Texts may change. */

/** Code → plain sentence. The record is the list: documents and parsers are checked against it. */
export const ERROR_TEXTS = {
  'bad-message': 'The message is malformed.',
  'unsupported-version': 'This version of the protocol is not spoken here.',
  'unknown-type': 'There is no such request.',
  'not-logged-in': 'Log in first.',
  'login-failed': 'User name or password is wrong.',
  'already-active': 'This user is already active elsewhere.',
  'session-ended': 'The session was ended. Log in again.',
  'bad-token': 'The resume token is not valid any more. Log in again.',
  'rate-limited': 'Too many attempts. Wait and try again.',
  banned: 'This account is banned from the tracker.',
  busy: 'The tracker is busy. Try again.',
  'not-found': 'There is no such publication.',
  'unknown-name': 'There is no such user or group.',
  'not-allowed': 'This is not allowed for this session.',
  'passcode-needed': 'This publication has a passcode, and it is needed.',
  'wrong-passcode': 'The passcode is wrong.',
  'used-up': 'All downloads of this publication are used up.',
  'name-taken': 'The name is used by another publication of yours.',
  'bad-name': 'The name is not allowed.',
  'too-large': 'The file is too large.',
  'no-depot': 'No depot takes this publication now.',
  'depot-full': 'The depots have no room for this.',
  quota: 'The quota of this user is used up.',
  'id-reused': 'The request id was used with another body.',
  'too-many-pending': 'Too many mutations are unacknowledged.',
  'use-tcp': 'The answer does not fit a datagram. Ask over TCP.',
  unreachable: 'The peers cannot meet in this way.',
  'no-relay': 'The tracker relays nothing for this user.',
  'relay-quota': 'What the tracker relays for this user in a day is used up.',
  storage: 'The tracker could not store this. Nothing was changed.',
  'shutting-down': 'The tracker is shutting down, or sends its peers to another of its nodes.',
  'bad-ticket': 'The ticket is not valid here.',
  'ticket-expired': 'The ticket has expired.',
  'ticket-revoked': 'The ticket was revoked.',
  changed: 'The file has changed since it was published.',
  checking: 'The file was touched and is being read again.',
  gone: 'The file is not there any more.',
  'no-chunk': 'That part is not held here.',
  cancelled: 'The request was cancelled.',
  internal: 'Something went wrong inside.',
} as const;

export type ErrorCode = keyof typeof ERROR_TEXTS;

export const ERROR_CODES = Object.keys(ERROR_TEXTS) as readonly ErrorCode[];

/** A message broke the protocol, or the other side reported a code. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  /** How long to wait before another try, ms; absent when trying again is pointless or may happen at once. */
  readonly retryAfterMs: number | undefined;
  constructor(
    readonly code: ErrorCode,
    message: string = ERROR_TEXTS[code],
    options?: ErrorOptions & { retryAfterMs?: number },
  ) {
    super(message, options);
    this.retryAfterMs = options?.retryAfterMs;
  }
}
