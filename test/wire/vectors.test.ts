import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { parseRequest } from '../../common/protocol/parse.js';
import type { Ticket } from '../../common/protocol/peer-messages.js';
import type { Receipt } from '../../common/protocol/receipt-fields.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { decodeDatagram, encodeCookie, KIND, readCookieReply } from '../../common/wire/datagrams.js';
import { deviceProofParts, type Identity, pinOfSpki, verifySignature } from '../../common/wire/identity.js';
import { KemKeys } from '../../common/wire/kem-keys.js';
import { judgeReceipt, signReceipt } from '../../common/wire/receipt.js';
import { deriveKeys, Opener, Sealer } from '../../common/wire/sealed-data.js';
import { openLogin, sealLogin, sealLoginReply } from '../../common/wire/sealed-login.js';
import { openResume, resumeProof, sealResume } from '../../common/wire/sealed-resume.js';
import { openToken, sealToken } from '../../common/wire/sealed-token.js';
import { openTicket, signTicket } from '../../common/wire/ticket.js';
import * as second from '../vectors/second-implementation.js';
import { newIdentity } from './test-identity.js';
import { readVectors } from './vectors.js';

const { hex } = second;
const parsed = (bytes: Buffer | undefined): unknown => (bytes === undefined ? undefined : JSON.parse(bytes.toString()));

describe('wire vectors', () => {
  let identity: Identity;
  before(async () => {
    identity = await newIdentity();
  });

  describe('cookie reply and KEM offer', () => {
    const vector = readVectors<
      Record<
        'nonce' | 'cookie' | 'kemKey' | 'keyId' | 'signature' | 'datagram' | 'trackerPin' | 'trackerSpki',
        string
      > & { notAfter: number }
    >('cookie-reply');

    it('is read as recorded', () => {
      const reply = readCookieReply(hex(vector.datagram), {
        nonce: hex(vector.nonce),
        pin: vector.trackerPin,
        now: vector.notAfter,
      });

      expect(reply).to.deep.equal({
        cookie: hex(vector.cookie),
        keyId: hex(vector.keyId),
        kemKey: hex(vector.kemKey),
        spki: hex(vector.trackerSpki),
      });
    });

    it('is the same bytes when the second implementation puts it together', () => {
      const { kemKey, notAfter, signature, trackerSpki } = vector;
      const offer = second.kemOffer(hex(kemKey), notAfter, hex(signature), hex(trackerSpki));

      expect(second.cookieReply(hex(vector.nonce), hex(vector.cookie), offer).toString('hex')).to.equal(
        vector.datagram,
      );
      expect(second.ecdsaVerify(hex(trackerSpki), hex(signature), second.kemSigned(hex(kemKey), notAfter))).to.equal(
        true,
      );
      expect(second.sha256(hex(trackerSpki)).toString('hex')).to.equal(vector.trackerPin);
    });

    it('made by the program satisfies the second implementation', async () => {
      const clock = new VirtualClock();
      const offer = (await KemKeys.create(identity, clock)).offer();
      const datagram = encodeCookie({ nonce: randomBytes(16), cookie: randomBytes(24), offer });
      const [kemKey, notAfter, signature] = [
        datagram.subarray(50, 82),
        Number(datagram.readBigUInt64BE(82)),
        datagram.subarray(90, 154),
      ];

      expect(second.ecdsaVerify(datagram.subarray(156), signature, second.kemSigned(kemKey, notAfter))).to.equal(true);
      expect(second.sha256(datagram.subarray(156)).toString('hex')).to.equal(identity.pin);
      expect(notAfter).to.equal(clock.now() + 3_600_000);
    });
  });

  describe('login', () => {
    const vector = readVectors<{
      trackerPin: string;
      cookie: string;
      kemPrivateKey: string;
      kemKey: string;
      ephemeralPrivateKey: string;
      enc: string;
      message: object;
      datagram: string;
      responseNonce: string;
      reply: object;
      replyDatagram: string;
    }>('login');
    const tracker = {
      skR: hex(vector.kemPrivateKey),
      pkE: hex(vector.enc),
      pkR: hex(vector.kemKey),
      pin: vector.trackerPin,
    };

    it('is the same bytes when the second implementation seals it, and opens there', () => {
      const peer = { skE: hex(vector.ephemeralPrivateKey), pkE: tracker.pkE, pkR: tracker.pkR, pin: tracker.pin };

      expect(second.loginDatagram(peer, hex(vector.cookie), vector.message).toString('hex')).to.equal(vector.datagram);
      expect(second.openLoginDatagram(tracker, hex(vector.datagram))).to.deep.equal(vector.message);
      expect(second.loginReply(tracker, hex(vector.responseNonce), vector.reply).toString('hex')).to.equal(
        vector.replyDatagram,
      );
      expect(second.openLoginReply(peer, hex(vector.replyDatagram))).to.deep.equal(vector.reply);
    });

    it('is opened by the program, whose reply the second implementation opens', async () => {
      const opened = await openLogin(hex(vector.datagram), {
        kemSecret: second.x25519KeysOf(tracker.skR).privateKey.export({ type: 'pkcs8', format: 'der' }),
        trackerPin: vector.trackerPin,
      });
      const reply = opened && sealLoginReply(opened, vector.reply);

      expect(parsed(Buffer.from(opened?.plaintext ?? []))).to.deep.equal(vector.message);
      expect(parseRequest(opened?.plaintext ?? Buffer.alloc(0)).type).to.equal('login');
      expect(second.openLoginReply(tracker, reply ?? Buffer.alloc(0))).to.deep.equal(vector.reply);
    });

    it('sealed by the program opens in the second implementation, whose reply the program opens', async () => {
      const kemKey = hex(vector.kemKey);
      const login = await sealLogin({
        cookie: hex(vector.cookie),
        keyId: second.sha256(kemKey).subarray(0, 8),
        kemKey,
        trackerPin: vector.trackerPin,
        message: vector.message,
      });
      const keys = { ...tracker, pkE: login.datagram.subarray(34, 66) };

      expect(login.datagram.length).to.equal(1_200);
      expect(second.openLoginDatagram(keys, login.datagram)).to.deep.equal(vector.message);
      expect(
        parsed(await login.openReply(second.loginReply(keys, hex(vector.responseNonce), vector.reply))),
      ).to.deep.equal(vector.reply);
    });
  });

  describe('resume', () => {
    const vector = readVectors<{
      resumeKey: string;
      token: string;
      cookie: string;
      salt: string;
      attempt: string;
      proof: string;
      message: object;
      datagram: string;
      replySalt: string;
      reply: object;
      replyDatagram: string;
    }>('resume');
    const key = hex(vector.resumeKey);

    it('is the same bytes when the second implementation seals it, and opens there', () => {
      const { cookie, token, salt, message } = vector;

      expect(
        second.resumeDatagram(key, { cookie: hex(cookie), token, salt: hex(salt) }, message).toString('hex'),
      ).to.equal(vector.datagram);
      expect(second.openResumeDatagram(key, hex(vector.datagram))).to.deep.equal(message);
      expect(second.resumeReply(key, hex(salt), hex(vector.replySalt), vector.reply).toString('hex')).to.equal(
        vector.replyDatagram,
      );
      expect(second.openResumeReply(key, hex(vector.replyDatagram))).to.deep.equal(vector.reply);
      expect(second.resumeProof(key, hex(vector.attempt)).toString('hex')).to.equal(vector.proof);
    });

    it('is opened by the program, whose reply the second implementation opens', () => {
      const opened = openResume(hex(vector.datagram), (token) => (token === vector.token ? key : undefined));
      if (opened === undefined || 'refused' in opened) throw new Error('the vector was refused');

      expect(parsed(opened.plaintext)).to.deep.equal(vector.message);
      expect(parseRequest(opened.plaintext, opened.token)).to.deep.equal({ ...vector.message, token: vector.token });
      expect(second.openResumeReply(key, opened.sealReply(vector.reply))).to.deep.equal(vector.reply);
      expect(resumeProof(key, hex(vector.attempt)).toString('hex')).to.equal(vector.proof);
    });

    it('sealed by the program opens in the second implementation, whose reply the program opens', () => {
      const resume = sealResume({
        cookie: hex(vector.cookie),
        token: vector.token,
        resumeKey: key,
        message: vector.message,
      });
      const saltAt = 28 + vector.token.length;
      const reply = second.resumeReply(
        key,
        resume.datagram.subarray(saltAt, saltAt + 16),
        hex(vector.replySalt),
        vector.reply,
      );

      expect(second.openResumeDatagram(key, resume.datagram)).to.deep.equal(vector.message);
      expect(parsed(resume.openReply(reply))).to.deep.equal(vector.reply);
    });
  });

  describe('data', () => {
    const vector = readVectors<{
      accessKey: string;
      session: string;
      c2t: string;
      t2c: string;
      datagrams: readonly { direction: second.Direction; seq: string; message: object; datagram: string }[];
    }>('data');
    const session = hex(vector.session);
    const keys = deriveKeys(hex(vector.accessKey), session);
    const kinds = { c2t: KIND.peerData, t2c: KIND.trackerData } as const;

    it('has the recorded keys in both implementations', () => {
      for (const direction of ['c2t', 't2c'] as const) {
        expect(keys[direction].toString('hex')).to.equal(vector[direction]);
        expect(second.dataKey(hex(vector.accessKey), session, direction).toString('hex')).to.equal(vector[direction]);
      }
    });

    for (const { direction, seq, message, datagram } of vector.datagrams) {
      it(`${direction} ${seq} is opened by the program and is the same bytes from the second implementation`, () => {
        const plaintext = Buffer.from(JSON.stringify(message));
        const opener = new Opener({ key: keys[direction], kind: kinds[direction], session });

        expect(parsed(opener.open(hex(datagram)))).to.deep.equal(message);
        expect(
          second.dataDatagram(keys[direction], { direction, session, seq: BigInt(seq) }, plaintext).toString('hex'),
        ).to.equal(datagram);
        expect(parsed(second.openDataDatagram(keys[direction], hex(datagram)))).to.deep.equal(message);
      });

      if (seq !== '1') continue;
      it(`${direction} 1 is what the program seals first`, () => {
        const sealer = new Sealer({ key: keys[direction], kind: kinds[direction], session });

        expect(sealer.seal(Buffer.from(JSON.stringify(message))).toString('hex')).to.equal(datagram);
      });
    }
  });

  describe('sealed tokens', () => {
    const vector =
      readVectors<
        Record<
          'resume' | 'link',
          { key: string; time: number; iv: string; message: { notAfter: number }; token: string }
        >
      >('tokens');

    for (const name of ['resume', 'link'] as const) {
      const { key, time, iv, message, token } = vector[name];

      it(`${name}: the program opens it and the second implementation makes the same text`, () => {
        expect(openToken(token, hex(key), message.notAfter)).to.deep.equal(message);
        expect(second.fernetToken(hex(key), time, hex(iv), JSON.stringify(message))).to.equal(token);
        expect(JSON.parse(second.openFernetToken(hex(key), token))).to.deep.equal(message);
      });

      it(`${name}: what the program seals opens in the second implementation`, () => {
        expect(JSON.parse(second.openFernetToken(hex(key), sealToken(message, hex(key))))).to.deep.equal(message);
      });
    }
  });

  describe('signed forms', () => {
    it('ticket: both implementations accept it, and the second one what the program signs', () => {
      const vector = readVectors<{ trackerSpki: string; ticket: Ticket; text: string }>('ticket');
      const [payload = '', signature = ''] = vector.text.split('.');
      const [ownPayload = '', ownSignature = ''] = signTicket(vector.ticket, identity).split('.');
      const raw = (text: string): Buffer => Buffer.from(text, 'base64url');

      expect(openTicket(vector.text, hex(vector.trackerSpki))).to.deep.equal(vector.ticket);
      expect(second.ecdsaVerify(hex(vector.trackerSpki), raw(signature), second.ticketSigned(raw(payload)))).to.equal(
        true,
      );
      expect(second.ecdsaVerify(identity.spki, raw(ownSignature), second.ticketSigned(raw(ownPayload)))).to.equal(true);
      expect(ownPayload).to.equal(payload);
    });

    it('receipt: both implementations accept it, and the second one what the program signs', () => {
      const vector = readVectors<Record<'trackerSpki' | 'devicePin' | 'sourcePin', string> & { receipt: Receipt }>(
        'receipt',
      );
      const { receipt, sourcePin } = vector;
      const own = signReceipt(receipt, sourcePin, identity);

      const judged = judgeReceipt(receipt, hex(vector.trackerSpki));
      expect(judged).to.include({ source: sourcePin, isSignedByDevice: true, isSignedBySource: true });
      expect(judged.ticket.device).to.equal(vector.devicePin);
      expect(own.key).to.equal(second.compressedPoint(identity.spki).toString('base64url'));
      const signature = Buffer.from(own.signature, 'base64url');
      expect(second.ecdsaVerify(identity.spki, signature, second.receiptSigned(receipt, sourcePin))).to.equal(true);
    });

    it('device proof: both implementations accept it, and the second one what the program signs', () => {
      const vector =
        readVectors<Record<'deviceSpki' | 'devicePin' | 'trackerPin' | 'attempt' | 'proof', string>>('device-proof');
      const attempt = hex(vector.attempt);
      const own = identity.sign(...deviceProofParts(vector.trackerPin, attempt));

      expect(
        verifySignature(hex(vector.deviceSpki), hex(vector.proof), ...deviceProofParts(vector.trackerPin, attempt)),
      ).to.equal(true);
      expect(
        second.ecdsaVerify(
          hex(vector.deviceSpki),
          hex(vector.proof),
          second.deviceProofSigned(vector.trackerPin, attempt),
        ),
      ).to.equal(true);
      expect(second.ecdsaVerify(identity.spki, own, second.deviceProofSigned(vector.trackerPin, attempt))).to.equal(
        true,
      );
      expect(pinOfSpki(hex(vector.deviceSpki))).to.equal(vector.devicePin);
    });
  });

  it('every recorded datagram has a form the program knows', () => {
    const datagrams = ['cookie-reply', 'login', 'resume', 'data'].flatMap((name) => [
      ...JSON.stringify(readVectors(name)).matchAll(/"(?:replyD|d)atagram":"([0-9a-f]+)"/g),
    ]);
    const kinds = datagrams.map(([, bytes = '']) => decodeDatagram(hex(bytes))?.kind);

    expect(new Set(kinds)).to.deep.equal(
      new Set([
        KIND.cookie,
        KIND.login,
        KIND.loginReply,
        KIND.resume,
        KIND.resumeReply,
        KIND.peerData,
        KIND.trackerData,
      ]),
    );
  });
});
