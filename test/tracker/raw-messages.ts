/** Requests of docs/protocol.md, built by hand. */
import { createHmac, randomBytes } from 'node:crypto';
import { newDevice, type RawDevice } from './raw-device.js';

export interface RawUser {
  readonly user: string;
  readonly password: string;
  readonly device: RawDevice;
}

/** What a successful `login` or `resume` said. */
export interface RawGrant {
  readonly session: string;
  readonly user: string;
  readonly accessKey: string;
  readonly resumeToken: string;
  readonly resumeKey: string;
  readonly heartbeatMs: number;
  readonly epoch: number;
  readonly libraryRevision: number;
  readonly live: boolean;
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly observed: { readonly host: string; readonly port: number };
}

export interface RawReply {
  readonly id: string;
  readonly ok: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly retryAfterMs?: number };
  // biome-ignore lint/suspicious/noExplicitAny: bodies differ by verb, and each test knows which one it asked for
  readonly [field: string]: any;
}

export type RawRequest = { readonly id: string; readonly type: string } & Readonly<Record<string, unknown>>;

let lastId = 0;
export function nextId(): string {
  lastId += 1;
  return `r${lastId}`;
}

export function userOf(user: string, device: RawDevice = newDevice()): RawUser {
  return { user, password: `password of ${user}`, device };
}

export function request(type: string, fields: object = {}): RawRequest {
  return { v: 1, id: nextId(), type, ...fields };
}

export function loginOf({ user, password, device }: RawUser, trackerPin: string, fields: object = {}): RawRequest {
  const attempt = randomBytes(16);
  const proof = device.prove(trackerPin, attempt);
  return request('login', {
    attempt: attempt.toString('base64url'),
    user,
    password,
    device: { key: device.key, proof },
    serving: true,
    filePort: 40_123,
    libraryRevision: 0,
    ...fields,
  });
}

export function resumeOf(
  { resumeToken, resumeKey }: Pick<RawGrant, 'resumeToken' | 'resumeKey'>,
  fields: object = {},
): RawRequest {
  const attempt = randomBytes(16);
  const proof = createHmac('sha256', Buffer.from(resumeKey, 'base64url'))
    .update('shoal/1 resume proof')
    .update(attempt)
    .digest('base64url');
  return request('resume', {
    attempt: attempt.toString('base64url'),
    token: resumeToken,
    proof,
    serving: true,
    filePort: 40_123,
    libraryRevision: 0,
    ...fields,
  });
}

export function publishOf(...names: readonly string[]): RawRequest {
  return request('publish', {
    entries: names.map((name) => ({ name, fileId: 'ab'.repeat(32), size: 1_000, kind: 'file' })),
  });
}
