/** A session as the peer holds it: who, which keys, and what takes it up again. */
import { randomBytes } from 'node:crypto';

import { fromBase64url, toBase64url } from '../../common/protocol/base64url.js';
import { PROTOCOL_VERSION, type SessionGrant } from '../../common/protocol/messages.js';
import type { RelayHello } from '../../common/protocol/reach-fields.js';
import { deviceProofParts, type Identity } from '../../common/wire/identity.js';
import { relayProof } from '../../common/wire/relay-proof.js';
import { deriveKeys } from '../../common/wire/sealed-data.js';
import { resumeProof } from '../../common/wire/sealed-resume.js';
import type { SessionKeys } from './udp-channel.js';

/** What is kept on disk (0600) so that a restart needs no password. */
export interface SavedSession {
  readonly user: string;
  readonly session: string;
  readonly resumeToken: string;
  readonly resumeKey: string;
}

/** What a peer says of itself at login and resume; see docs/protocol.md "login". */
export interface Presence {
  readonly serving: boolean;
  readonly filePort?: number;
  readonly lan?: readonly string[];
  readonly advertise?: string;
  readonly libraryRevision: number;
}

export function savedSessionOf(grant: SessionGrant): SavedSession {
  return { user: grant.user, session: grant.session, resumeToken: grant.resumeToken, resumeKey: grant.resumeKey };
}

export function sessionKeysOf(grant: SessionGrant): SessionKeys {
  const session = fromBase64url(grant.session, 16);
  return { session, ...deriveKeys(fromBase64url(grant.accessKey, 32), session) };
}

/** What shows the relay that a connection is of this session; `token` of the meeting, 16 bytes. */
export function relayHelloOf({ session, accessKey }: SessionGrant, token: string): Omit<RelayHello, 'v'> {
  const proof = relayProof(fromBase64url(accessKey, 32), fromBase64url(token, 16));
  return { session, token, proof: toBase64url(proof) };
}

export interface LoginParts {
  readonly id: string;
  readonly user: string;
  readonly password: string;
  /** 64 hex digits. */
  readonly trackerPin: string;
  readonly device: Identity;
  readonly presence: Presence;
}

export function loginMessage({ id, user, password, trackerPin, device, presence }: LoginParts): { id: string } {
  const attempt = randomBytes(16);
  const proof = device.sign(...deviceProofParts(trackerPin, attempt));
  const message = {
    v: PROTOCOL_VERSION,
    id,
    type: 'login',
    attempt: toBase64url(attempt),
    user,
    password,
    device: { key: toBase64url(device.spki), proof: toBase64url(proof) },
    ...presence,
  };
  return message;
}

/** The `resume` request without its token, which travels apart over UDP. */
export function resumeMessage(saved: SavedSession, presence: Presence, id: string): { id: string } {
  const attempt = randomBytes(16);
  const proof = resumeProof(fromBase64url(saved.resumeKey, 32), attempt);
  const message = {
    v: PROTOCOL_VERSION,
    id,
    type: 'resume',
    attempt: toBase64url(attempt),
    proof: toBase64url(proof),
    ...presence,
  };
  return message;
}
