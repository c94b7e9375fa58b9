/**
 * Writes `test/vectors/wire/*.json` anew, except those taken from standards. Everything in them comes from the second implementation,
 * so the program is never its own witness. ECDSA signatures differ at each run; all else is the same bytes.
 */
import { writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { projectRoot } from '../support/shoal-command.js';
import {
  ascii,
  compressedPoint,
  cookieReply,
  dataDatagram,
  dataKey,
  deviceProofSigned,
  ecdsaSign,
  fernetToken,
  kemOffer,
  kemSigned,
  loginDatagram,
  loginReply,
  p256,
  receiptSigned,
  resumeDatagram,
  resumeProof,
  resumeReply,
  sha256,
  ticketSigned,
  ticketText,
  x25519PublicOf,
} from './second-implementation.js';

/** `length` bytes that count up from `first`. */
const bytes = (first: number, length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => first + index));
const text = (buffer: Uint8Array): string => Buffer.from(buffer).toString('hex');

const trackerNumber = sha256(ascii('vector tracker'));
const deviceNumber = sha256(ascii('vector device'));
const tracker = p256(trackerNumber);
const device = p256(deviceNumber);
const trackerFields = {
  trackerPrivateKey: text(trackerNumber),
  trackerSpki: text(tracker.spki),
  trackerPin: tracker.pin,
};

const NOT_AFTER = 1_795_222_800_000;
const SESSION = bytes(0x10, 16);
const ACCESS_KEY = bytes(0x20, 32);
const RESUME_KEY = bytes(0x40, 32);
const ATTEMPT = bytes(0x00, 16);
const COOKIE = bytes(0x60, 24);
const SEAL_KEY = bytes(0x80, 32);
const KEM_PRIVATE = sha256(ascii('vector kem key'));
const KEM_KEY = x25519PublicOf(KEM_PRIVATE);

const resumeTokenMessage = {
  v: 1,
  user: 'alice',
  session: SESSION.toString('base64url'),
  generation: 3,
  resumeKey: RESUME_KEY.toString('base64url'),
  device: device.pin,
  notAfter: NOT_AFTER,
};
const resumeToken = fernetToken(SEAL_KEY, 1_795_219_200, bytes(0xa0, 16), JSON.stringify(resumeTokenMessage));
const grant = {
  id: 'a1',
  ok: true,
  session: SESSION.toString('base64url'),
  user: 'alice',
  accessKey: ACCESS_KEY.toString('base64url'),
  resumeToken,
  resumeKey: RESUME_KEY.toString('base64url'),
  heartbeatMs: 2_000,
  serverTime: 1_795_219_200_000,
  nodes: [{ host: 'tracker.example', port: 7_465 }],
  epoch: 0,
  libraryRevision: 0,
  live: true,
  observed: { host: '203.0.113.7', port: 50_123 },
};

function write(name: string, what: string, content: object): void {
  writeFileSync(
    joinPath(projectRoot(), 'test', 'vectors', 'wire', `${name}.json`),
    `${JSON.stringify({ what, ...content }, null, 2)}\n`,
  );
}

function cookie(): void {
  const nonce = bytes(0xc0, 16);
  const signature = ecdsaSign(tracker.key, kemSigned(KEM_KEY, NOT_AFTER));
  const datagram = cookieReply(nonce, COOKIE, kemOffer(KEM_KEY, NOT_AFTER, signature, tracker.spki));
  write('cookie-reply', 'Datagram 0x81: cookie and signed KEM key.', {
    ...trackerFields,
    nonce: text(nonce),
    cookie: text(COOKIE),
    kemPrivateKey: text(KEM_PRIVATE),
    kemKey: text(KEM_KEY),
    keyId: text(sha256(KEM_KEY).subarray(0, 8)),
    notAfter: NOT_AFTER,
    signature: text(signature),
    datagram: text(datagram),
  });
}

function login(): void {
  const skE = sha256(ascii('vector ephemeral key'));
  const keys = { skE, pkE: x25519PublicOf(skE), pkR: KEM_KEY, pin: tracker.pin };
  const message = {
    v: 1,
    id: 'a1',
    type: 'login',
    attempt: ATTEMPT.toString('base64url'),
    user: 'alice',
    password: 'correct horse "battery" stäple',
    device: {
      key: device.spki.toString('base64url'),
      proof: ecdsaSign(device.key, deviceProofSigned(tracker.pin, ATTEMPT)).toString('base64url'),
    },
    serving: true,
    filePort: 40_123,
    lan: ['192.168.1.7'],
    libraryRevision: 0,
  };
  const responseNonce = bytes(0xd0, 16);
  write('login', 'Datagrams 0x02 and 0x82: HPKE-sealed login and its reply.', {
    trackerPin: tracker.pin,
    cookie: text(COOKIE),
    kemPrivateKey: text(KEM_PRIVATE),
    kemKey: text(KEM_KEY),
    ephemeralPrivateKey: text(skE),
    enc: text(keys.pkE),
    message,
    datagram: text(loginDatagram(keys, COOKIE, message)),
    responseNonce: text(responseNonce),
    reply: grant,
    replyDatagram: text(loginReply(keys, responseNonce, grant)),
  });
}

function resume(): void {
  const salt = bytes(0xe0, 16);
  const replySalt = bytes(0xf0, 16);
  const message = {
    v: 1,
    id: 'a2',
    type: 'resume',
    attempt: ATTEMPT.toString('base64url'),
    proof: resumeProof(RESUME_KEY, ATTEMPT).toString('base64url'),
    serving: true,
    filePort: 40_123,
    libraryRevision: 3,
  };
  const reply = { ...grant, id: 'a2', libraryRevision: 3 };
  write('resume', 'Datagrams 0x03 and 0x83: sealed resume and its reply; the proof inside.', {
    resumeKey: text(RESUME_KEY),
    token: resumeToken,
    cookie: text(COOKIE),
    salt: text(salt),
    attempt: text(ATTEMPT),
    proof: text(resumeProof(RESUME_KEY, ATTEMPT)),
    message,
    datagram: text(resumeDatagram(RESUME_KEY, { cookie: COOKIE, token: resumeToken, salt }, message)),
    replySalt: text(replySalt),
    reply,
    replyDatagram: text(resumeReply(RESUME_KEY, salt, replySalt, reply)),
  });
}

function data(): void {
  const rows = [
    ['c2t', 1n, { v: 1, id: 'a4', type: 'heartbeat' }],
    ['t2c', 1n, { id: 'a4', ok: true, epoch: 0, heartbeatMs: 2_000, serverTime: 1_795_219_202_000 }],
    ['c2t', 2n ** 32n, { v: 1, id: 'a5', type: 'listPeers' }],
    ['c2t', 2n ** 53n - 1n, { v: 1, id: 'a6', type: 'logout' }],
  ] as const;
  write('data', 'Datagrams 0x04 and 0x84: requests and replies of a session.', {
    accessKey: text(ACCESS_KEY),
    session: text(SESSION),
    c2t: text(dataKey(ACCESS_KEY, SESSION, 'c2t')),
    t2c: text(dataKey(ACCESS_KEY, SESSION, 't2c')),
    datagrams: rows.map(([direction, seq, message]) => ({
      direction,
      seq: String(seq),
      message,
      datagram: text(
        dataDatagram(
          dataKey(ACCESS_KEY, SESSION, direction),
          { direction, session: SESSION, seq },
          Buffer.from(JSON.stringify(message)),
        ),
      ),
    })),
  });
}

function tokens(): void {
  const linkKey = bytes(0x90, 32);
  const linkMessage = {
    v: 1,
    linkId: 'V1StGXR8_Z5jdHi6B-myT',
    fileId: text(sha256(ascii('vector file'))),
    notAfter: NOT_AFTER,
  };
  const time = 1_795_219_200;
  write('tokens', 'Sealed tokens: resume token of a tracker, link token of a peer.', {
    resume: { key: text(SEAL_KEY), time, iv: text(bytes(0xa0, 16)), message: resumeTokenMessage, token: resumeToken },
    link: {
      key: text(linkKey),
      time,
      iv: text(bytes(0xb0, 16)),
      message: linkMessage,
      token: fernetToken(linkKey, time, bytes(0xb0, 16), JSON.stringify(linkMessage)),
    },
  });
}

function signed(): void {
  const ticket = {
    v: 1,
    ticketId: 'LZ3w0ZcN1o2xk8YHq4mQp',
    publicationId: 'V1StGXR8_Z5jdHi6B-myT',
    fileId: text(sha256(ascii('vector file'))),
    size: 734_003_200,
    user: 'bob',
    device: device.pin,
    limits: {},
    issuedAt: 1_795_219_200_000,
    notAfter: NOT_AFTER,
  };
  const payload = Buffer.from(JSON.stringify(ticket));
  write('ticket', 'A ticket signed by a tracker.', {
    ...trackerFields,
    ticket,
    text: ticketText(payload, ecdsaSign(tracker.key, ticketSigned(payload))),
  });
  const terms = {
    ticket: ticketText(payload, ecdsaSign(tracker.key, ticketSigned(payload))),
    bytes: 734_003_200,
    outcome: 'verified',
    at: 1_795_219_300_000,
  };
  const source = p256(sha256(ascii('vector source')));
  const mark = ({ key, spki }: typeof source): object => ({
    key: compressedPoint(spki).toString('base64url'),
    signature: ecdsaSign(key, receiptSigned(terms, source.pin)).toString('base64url'),
  });
  write('receipt', 'A receipt signed by who fetched and by the source.', {
    ...trackerFields,
    devicePin: device.pin,
    sourcePin: source.pin,
    receipt: { ...terms, device: mark(device), source: mark(source) },
  });
  const proof = ecdsaSign(device.key, deviceProofSigned(tracker.pin, ATTEMPT));
  write('device-proof', 'What a device signs at login.', {
    devicePrivateKey: text(deviceNumber),
    deviceSpki: text(device.spki),
    devicePin: device.pin,
    trackerPin: tracker.pin,
    attempt: text(ATTEMPT),
    proof: text(proof),
  });
}

for (const make of [cookie, login, resume, data, tokens, signed]) make();
