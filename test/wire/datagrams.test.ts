import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { MAX_DATAGRAM_BYTES } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import {
  type CookieReply,
  decodeDatagram,
  encodeCookie,
  encodeHello,
  encodeHint,
  HINT,
  KIND,
  readCookieReply,
} from '../../common/wire/datagrams.js';
import type { Identity } from '../../common/wire/identity.js';
import { KemKeys } from '../../common/wire/kem-keys.js';
import { seedFor } from '../support/seed.js';
import { newIdentity } from './test-identity.js';

const HOUR_MS = 3_600_000;

describe('datagrams', () => {
  let identity: Identity;
  let stranger: Identity;
  let clock: VirtualClock;
  let keys: KemKeys;
  const nonce = randomBytes(16);
  const cookie = randomBytes(24);

  before(async () => {
    [identity, stranger] = await Promise.all([newIdentity(), newIdentity()]);
    clock = new VirtualClock();
    keys = await KemKeys.create(identity, clock);
  });

  const reply = (): Buffer => encodeCookie({ nonce, cookie, offer: keys.offer() });
  const read = (datagram: Buffer, now?: number): CookieReply | undefined =>
    readCookieReply(datagram, { nonce, pin: identity.pin, ...(now === undefined ? {} : { now }) });

  it('a hello is padded to the full size, and its answer is smaller', () => {
    const hello = encodeHello(nonce);

    expect(hello.length).to.equal(MAX_DATAGRAM_BYTES);
    expect(decodeDatagram(hello)).to.deep.equal({ kind: KIND.hello, nonce });
    expect(reply().length).to.be.below(hello.length);
  });

  it('a hello with anything but zeros in its padding is dropped', () => {
    for (const at of [18, 600, 1_199]) {
      const hello = encodeHello(nonce);
      hello[at] = 1;
      expect(decodeDatagram(hello), `byte ${at}`).to.equal(undefined);
    }
  });

  it('a hint says what it says', () => {
    for (const what of [HINT.noSession, HINT.tokenRefused]) {
      const hint = encodeHint(what, nonce);
      expect(hint.length).to.equal(19);
      expect(decodeDatagram(hint)).to.deep.equal({ kind: KIND.hint, what, echo: nonce });
    }
    expect(decodeDatagram(Buffer.concat([Uint8Array.of(1, KIND.hint, 3), nonce]))).to.equal(undefined);
  });

  it('the cookie reply of the right tracker to the right hello is taken', () => {
    const found = read(reply());

    expect(found?.cookie).to.deep.equal(cookie);
    expect(found?.spki).to.deep.equal(identity.spki);
    expect(keys.find(found?.keyId ?? nonce)).to.not.equal(undefined);
  });

  it('the reply to another hello, or of another tracker, is not', async () => {
    const foreign = encodeCookie({ nonce, cookie, offer: (await KemKeys.create(stranger, clock)).offer() });

    expect(readCookieReply(reply(), { nonce: randomBytes(16), pin: identity.pin })).to.equal(undefined);
    expect(readCookieReply(reply(), { nonce, pin: stranger.pin })).to.equal(undefined);
    expect(read(foreign)).to.equal(undefined);
  });

  it("a key signed by a stranger under our tracker's SPKI is refused", async () => {
    const offer = Buffer.from((await KemKeys.create(stranger, clock)).offer());
    identity.spki.copy(offer, offer.length - identity.spki.length);

    expect(read(encodeCookie({ nonce, cookie, offer }))).to.equal(undefined);
  });

  it('every flipped bit is refused, except in the cookie, which only the tracker can judge', () => {
    const good = reply();
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const at = bit >> 3;
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ (1 << (bit & 7));
      const isCookie = at >= 18 && at < 42;
      expect(read(bad) === undefined, `bit ${bit}`).to.equal(!isCookie);
    }
  });

  it('a recorded offer is refused an hour after its end', () => {
    const offered = reply();
    const notAfter = clock.now() + HOUR_MS;

    expect(read(offered, notAfter + HOUR_MS)).to.not.equal(undefined);
    expect(read(offered, notAfter + HOUR_MS + 1)).to.equal(undefined);
    expect(read(offered, 0), 'a clock that is far behind').to.not.equal(undefined);
  });

  it('no bytes, of any length, make the decoder throw', () => {
    const kinds = Object.values(KIND);
    for (const kind of [0, ...kinds, 0xff]) {
      for (let length = 0; length <= MAX_DATAGRAM_BYTES + 2; length += 1) {
        const bytes = Buffer.alloc(length);
        if (length > 0) bytes[0] = 1;
        if (length > 1) bytes[1] = kind;
        const datagram = decodeDatagram(bytes);
        if (datagram !== undefined) expect(datagram.kind).to.equal(kind);
      }
    }
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 1_300 }), (kind, rest) => {
        const bytes = Buffer.concat([Uint8Array.of(1, kind), rest]);
        const datagram = decodeDatagram(bytes);
        expect(datagram === undefined || datagram.kind === kind).to.equal(true);
        expect(read(bytes)).to.equal(undefined);
      }),
      { seed: seedFor('random datagrams') },
    );
  });

  for (const [what, length, isTaken] of [
    ['an empty token', 0, false],
    ['a token of one character', 1, true],
    ['the longest token', 512, true],
    ['too long a token', 513, false],
    ['a token beyond the datagram', 65_535, false],
  ] as const) {
    it(`a resume with ${what} is ${isTaken ? 'taken' : 'dropped'}`, () => {
      const bytes = Buffer.alloc(MAX_DATAGRAM_BYTES, 0x41);
      bytes.set([1, KIND.resume]);
      bytes.writeUInt16BE(length, 26);

      const datagram = decodeDatagram(bytes);

      expect(datagram !== undefined).to.equal(isTaken);
      if (datagram?.kind === KIND.resume) expect(datagram.token.length).to.equal(length);
    });
  }

  it('another version is dropped', () => {
    const hello = encodeHello(nonce);
    hello[0] = 2;

    expect(decodeDatagram(hello)).to.equal(undefined);
  });

  it("fields of a wrong length are the caller's mistake", () => {
    expect(() => encodeHello(randomBytes(15))).to.throw(RangeError, '16');
    expect(() => encodeCookie({ nonce, cookie: randomBytes(23), offer: keys.offer() })).to.throw(RangeError, '24');
    expect(() => encodeHint(HINT.noSession, randomBytes(17))).to.throw(RangeError, '16');
  });
});
