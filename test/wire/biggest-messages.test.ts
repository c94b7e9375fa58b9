import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { encodeJson } from '../../common/protocol/json.js';
import {
  MAX_ADVERTISE_LENGTH,
  MAX_BULK_ENTRIES,
  MAX_DATAGRAM_BYTES,
  MAX_HELLO_LINE_BYTES,
  MAX_LAN_ADDRESSES,
  MAX_LINE_BYTES,
  MAX_PASSWORD_BYTES,
  MAX_PEER_LINE_BYTES,
  MAX_REACH_ADDRESSES,
  MAX_RESUME_TOKEN_LENGTH,
  MAX_SAVED_SEARCH_ID,
  MAX_SEARCH_IDS,
} from '../../common/protocol/limits.js';
import type { Request, SessionGrant } from '../../common/protocol/messages.js';
import { parseIncoming, parsePeerLine, parseReply, parseRequest } from '../../common/protocol/parse.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { decodeDatagram, KIND } from '../../common/wire/datagrams.js';
import { KemKeys } from '../../common/wire/kem-keys.js';
import { Sealer } from '../../common/wire/sealed-data.js';
import { openLogin, sealLogin, sealLoginReply } from '../../common/wire/sealed-login.js';
import { openResume, sealResume } from '../../common/wire/sealed-resume.js';
import { sealToken } from '../../common/wire/sealed-token.js';
import { signTicket } from '../../common/wire/ticket.js';
import { newIdentity } from './test-identity.js';

const ID = 'a'.repeat(32);
const USER = 'u'.repeat(64);
const MAX = Number.MAX_SAFE_INTEGER;
/** The longest a time gets before the year 2286, ms since epoch. */
const TIME = 9_999_999_999_999;
const HEX = 'a'.repeat(64);
const text = (bytes: number): string => randomBytes(bytes).toString('base64url');
const presence = {
  serving: false,
  filePort: 65_535,
  lan: Array<string>(MAX_LAN_ADDRESSES).fill('f'.repeat(45)),
  advertise: 'h'.repeat(MAX_ADVERTISE_LENGTH),
  libraryRevision: MAX,
};

const login: Request<'login'> = {
  v: 1,
  id: ID,
  type: 'login',
  attempt: text(16),
  user: USER,
  password: '"'.repeat(MAX_PASSWORD_BYTES),
  device: { key: text(91), proof: text(64) },
  ...presence,
};
const { token, ...resume }: Request<'resume'> = {
  v: 1,
  id: ID,
  type: 'resume',
  attempt: text(16),
  token: 't'.repeat(MAX_RESUME_TOKEN_LENGTH),
  proof: text(32),
  fork: false,
  ...presence,
};
const grant: SessionGrant = {
  session: text(16),
  user: USER,
  accessKey: text(32),
  resumeToken: token,
  resumeKey: text(32),
  heartbeatMs: 60_000,
  serverTime: MAX,
  nodes: [],
  epoch: MAX,
  libraryRevision: MAX,
  live: false,
  observed: { host: 'f'.repeat(45), port: 65_535 },
};
const grantReply = { id: ID, ok: true, ...grant };
const longestName = '"'.repeat(255);

describe('the biggest messages', () => {
  it('login and the reply to it fit one datagram each', async () => {
    const identity = await newIdentity();
    const kemKeys = await KemKeys.create(identity, new VirtualClock());
    const offer = kemKeys.offer();
    const sealed = await sealLogin({
      cookie: randomBytes(24),
      keyId: offer.subarray(0, 8),
      kemKey: offer.subarray(8, 40),
      trackerPin: identity.pin,
      message: login,
    });
    const kemSecret = kemKeys.find(offer.subarray(0, 8)) ?? Buffer.alloc(0);
    const opened = await openLogin(sealed.datagram, { kemSecret, trackerPin: identity.pin });
    const reply = opened && sealLoginReply(opened, grantReply);

    expect(parseRequest(opened?.plaintext ?? Buffer.alloc(0))).to.deep.equal(login);
    expect(reply?.length).to.be.at.most(MAX_DATAGRAM_BYTES);
    expect(
      parseReply('login', JSON.parse(String(await sealed.openReply(reply ?? Buffer.alloc(0)))) as object),
    ).to.deep.equal(grantReply);
  });

  it('resume and the reply to it fit one datagram each, with a node to spare', () => {
    const resumeKey = randomBytes(32);
    const sealed = sealResume({ cookie: randomBytes(24), token, resumeKey, message: resume });
    const opened = openResume(sealed.datagram, () => resumeKey);
    if (opened === undefined || 'refused' in opened) throw new Error('refused');
    const reply = opened.sealReply({ ...grantReply, nodes: [{ host: 'h'.repeat(64), port: 65_535 }] });

    expect(parseRequest(opened.plaintext, opened.token)).to.deep.equal({ ...resume, token });
    expect(reply.length).to.be.at.most(MAX_DATAGRAM_BYTES);
    expect(decodeDatagram(reply)?.kind).to.equal(KIND.resumeReply);
  });

  it('a resume token with the longest user and numbers keeps to its limit', () => {
    const message = {
      v: 1,
      user: USER,
      session: text(16),
      generation: MAX,
      resumeKey: text(32),
      device: HEX,
      notAfter: MAX,
    };

    expect(sealToken(message, randomBytes(32)).length).to.be.at.most(MAX_RESUME_TOKEN_LENGTH);
  });

  it('the word to a source that it shall dial back fits one datagram, with the longest addresses', () => {
    const lan = Array.from({ length: MAX_REACH_ADDRESSES - 1 }, () => ({ host: 'f'.repeat(45), port: 65_535 }));
    const addresses = [...lan, { host: 'h'.repeat(MAX_ADVERTISE_LENGTH), port: 65_535 }];
    const meeting = { by: 'relay', token: text(16), user: USER, device: HEX, addresses };
    const event = { v: 1, event: 'reach', eventId: ID, ...meeting };

    const datagram = new Sealer({ key: randomBytes(32), kind: KIND.trackerData, session: randomBytes(16) }).seal(
      encodeJson(event),
    );

    expect(parseIncoming(encodeJson(event))).to.have.property('kind', 'event');
    expect(datagram.length).to.be.at.most(MAX_DATAGRAM_BYTES);
  });

  it('a match that names as many publications as it may fits one datagram', () => {
    const sealer = new Sealer({ key: randomBytes(32), kind: KIND.trackerData, session: randomBytes(16) });
    const publicationIds = Array<string>(MAX_SEARCH_IDS).fill('p'.repeat(21));
    const search = 's'.repeat(MAX_SAVED_SEARCH_ID);
    const event = { v: 1, event: 'match', eventId: ID, search, publicationIds, more: true };

    expect(parseIncoming(encodeJson(event))).to.deep.equal({ kind: 'event', event });
    expect(sealer.seal(encodeJson(event)).length).to.be.at.most(MAX_DATAGRAM_BYTES);
  });

  it('publishing, withdrawing and finding a name of 255 quotes fit one datagram each', () => {
    const sealer = new Sealer({ key: randomBytes(32), kind: KIND.peerData, session: randomBytes(16) });
    const entry = { name: longestName, fileId: HEX, size: MAX, kind: 'file', replace: false };
    const row = {
      publicationId: 'p'.repeat(21),
      name: longestName,
      owner: USER,
      size: MAX,
      fileId: HEX,
      kind: 'file',
      rights: 'public',
      revision: MAX,
      sources: MAX,
      publishedAt: MAX,
      lastSeenAt: MAX,
    };
    const requests = [
      { v: 1, id: ID, type: 'publish', entries: [entry] },
      { v: 1, id: ID, type: 'unpublish', names: [longestName] },
      {
        v: 1,
        id: ID,
        type: 'search',
        text: longestName,
        ignoreCase: false,
        exact: false,
        all: false,
        mine: false,
        owner: USER,
        idPrefix: HEX,
        limit: 1_000,
        cursor: 'c'.repeat(128),
      },
    ];
    const replies = [
      ['search', { id: ID, ok: true, publications: [row], cursor: 'c'.repeat(128), partial: false }],
      ['listPublished', { id: ID, ok: true, publications: [row], cursor: 'c'.repeat(128) }],
    ] as const;

    for (const request of requests) {
      expect(parseRequest(encodeJson(request))).to.deep.equal(request);
      expect(sealer.seal(encodeJson(request)).length, request.type).to.be.at.most(MAX_DATAGRAM_BYTES);
    }
    for (const [type, reply] of replies) {
      expect(parseReply(type, reply)).to.deep.equal(reply);
      expect(sealer.seal(encodeJson(reply)).length, type).to.be.at.most(MAX_DATAGRAM_BYTES);
    }
  });

  it('a ticket with one source fits one datagram', async () => {
    const ticket = signTicket(
      {
        v: 1,
        ticketId: 't'.repeat(21),
        publicationId: 'p'.repeat(21),
        fileId: HEX,
        size: MAX,
        user: USER,
        device: HEX,
        limits: {},
        issuedAt: TIME,
        notAfter: TIME,
      },
      await newIdentity(),
    );
    const source = { user: USER, device: HEX, has: 'part', addresses: [{ host: 'f'.repeat(45), port: 65_535 }] };
    const reply = {
      id: ID,
      ok: true,
      publicationId: 'p'.repeat(21),
      fileId: HEX,
      size: MAX,
      revision: MAX,
      ticket,
      sources: [source],
      cursor: 'c'.repeat(40),
    };
    const sealer = new Sealer({ key: randomBytes(32), kind: KIND.trackerData, session: randomBytes(16) });

    expect(parseReply('sources', reply)).to.deep.equal(reply);
    expect(sealer.seal(encodeJson(reply)).length).to.be.at.most(MAX_DATAGRAM_BYTES);
  });

  it('login and resume fit a line before login, and 1,000 of the longest entries one after it', () => {
    const entry = { name: longestName, fileId: HEX, size: MAX, kind: 'file', replace: false };
    const bulk = {
      v: 1,
      id: ID,
      type: 'publish',
      acks: Array(32).fill(ID),
      seen: Array(32).fill(ID),
      entries: Array(MAX_BULK_ENTRIES).fill(entry),
    };

    expect(encodeJson(login).length).to.be.at.most(MAX_HELLO_LINE_BYTES);
    expect(encodeJson({ ...resume, token }).length).to.be.at.most(MAX_HELLO_LINE_BYTES);
    expect(parseRequest(encodeJson(bulk)).type).to.equal('publish');
    expect(encodeJson(bulk).length).to.be.at.most(MAX_LINE_BYTES);
  });

  it('the most ranges fit one line of the peer lane', () => {
    const have = Array.from({ length: 2_048 }, (_, index) => [60_000 + 2 * index, 60_001 + 2 * index])
      .map(([from = 0, to = 0]) => [from % 65_536, to % 65_536])
      .toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
    const line = encodeJson({ type: 'opened', id: 2 ** 32 - 1, size: MAX, chunkSize: MAX, have });

    expect(parsePeerLine(line).type).to.equal('opened');
    expect(line.length).to.be.at.most(MAX_PEER_LINE_BYTES);
  });
});
