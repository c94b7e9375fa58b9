import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { ProtocolError } from '../../common/protocol/errors.js';
import { MAX_DATAGRAM_BYTES } from '../../common/protocol/limits.js';
import { nodeCipher } from '../../common/wire/data-cipher.js';
import { KIND } from '../../common/wire/datagrams.js';
import { deriveKeys, MAX_DATA_BYTES, Opener, Sealer } from '../../common/wire/sealed-data.js';
import { sodiumCipher } from '../../tracker/registry/sodium-cipher.js';
import { seedFor } from '../support/seed.js';
import { dataDatagram } from '../vectors/second-implementation.js';

const session = randomBytes(16);
const { c2t, t2c } = deriveKeys(randomBytes(32), session);
const CIPHERS = { 'of a peer': nodeCipher, 'of a tracker': sodiumCipher };
const WINDOW = 2_048n;
const hello = Buffer.from('hello');

/** Sealed with a number of the test's choice, as no Sealer does. */
const sealed = (seq: bigint): Buffer => dataDatagram(c2t, { direction: 'c2t', session, seq }, hello);

/** Bytes that buffers hold there once garbage is gone. */
function outsideHeap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}

for (const [whose, cipher] of Object.entries(CIPHERS))
  describe(`sealed data ${whose}`, () => {
    const direction = { key: c2t, kind: KIND.peerData, session, cipher };
    it('what is sealed opens at the other end, in order and once', () => {
      const sealer = new Sealer(direction);
      const opener = new Opener(direction);
      for (const size of [0, 1, 100, MAX_DATA_BYTES]) {
        const plaintext = randomBytes(size);
        const datagram = sealer.seal(plaintext);

        expect(datagram.length).to.equal(size + 42);
        expect(opener.open(datagram)).to.deep.equal(plaintext);
        expect(opener.open(datagram), 'a replay').to.equal(undefined);
      }
    });

    it('the longest message makes a datagram of exactly 1,200 bytes, and a longer one is refused with the way out', () => {
      const sealer = new Sealer(direction);

      expect(sealer.seal(Buffer.alloc(MAX_DATA_BYTES)).length).to.equal(MAX_DATAGRAM_BYTES);
      expect(() => sealer.seal(Buffer.alloc(MAX_DATA_BYTES + 1)))
        .to.throw(ProtocolError)
        .with.property('code', 'use-tcp');
    });

    it('what fails for another reason than a wrong tag is not taken for a forgery', () => {
      const sealing = { key: c2t, nonce: Buffer.alloc(12), aad: Buffer.alloc(26) };
      const text = cipher.seal(hello, sealing);

      expect(() => cipher.open(text, { ...sealing, key: c2t.subarray(1) })).to.throw(/key length/i);
    });

    it('two datagrams with one text have nothing in common but session and version', () => {
      const sealer = new Sealer(direction);
      const [first, second] = [sealer.seal(hello), sealer.seal(hello)];

      expect(first.subarray(26)).to.not.deep.equal(second.subarray(26));
      expect(first.readBigUInt64BE(18)).to.equal(1n);
      expect(second.readBigUInt64BE(18)).to.equal(2n);
    });

    // A peer has one session.
    if (cipher === sodiumCipher)
      it('the keys of very many sessions take no memory outside the heap, where each would have a block of its own', () => {
        const sessions = 20_000;
        const before = outsideHeap();
        const kept = Array.from({ length: sessions }, () => {
          const { c2t: key } = deriveKeys(new Uint8Array(32), session);
          const ends = { sealer: new Sealer({ ...direction, key }), opener: new Opener({ ...direction, key }) };
          expect(ends.opener.open(ends.sealer.seal(hello))).to.deep.equal(hello);
          return ends;
        });

        expect(outsideHeap() - before).to.be.below(sessions * 8);
        expect(kept).to.have.length(sessions); // until here
      });

    it('a flip of any bit is refused and moves nothing: the true datagram is still new', () => {
      const opener = new Opener(direction);
      opener.open(sealed(5n));
      const good = sealed(7n);
      for (let bit = 0; bit < good.length * 8; bit += 1) {
        const bad = Buffer.from(good);
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(opener.open(bad), `bit ${bit}`).to.equal(undefined);
      }

      expect(opener.open(sealed(6n)), 'an older one').to.deep.equal(hello);
      expect(opener.open(good)).to.deep.equal(hello);
    });

    it('a forged number far ahead does not push honest ones out of the window', () => {
      const opener = new Opener(direction);
      const forged = sealed(1n);
      forged.writeBigUInt64BE(2n ** 52n, 18);

      expect(opener.open(forged)).to.equal(undefined);
      expect(opener.open(sealed(1n))).to.deep.equal(hello);
    });

    it('other session, kind, direction, version and key are refused', () => {
      const datagram = sealed(1n);
      for (const other of [
        { ...direction, session: randomBytes(16) },
        { ...direction, kind: KIND.trackerData },
        { ...direction, key: t2c },
      ])
        expect(new Opener(other).open(datagram)).to.equal(undefined);
      expect(new Opener(direction).open(Buffer.concat([Uint8Array.of(2), datagram.subarray(1)]))).to.equal(undefined);
    });

    it('every shortened datagram and random bytes are refused, never an exception', () => {
      const opener = new Opener(direction);
      const datagram = sealed(1n);
      for (let length = 0; length < datagram.length; length += 1)
        expect(opener.open(datagram.subarray(0, length))).to.equal(undefined);
      expect(opener.open(Buffer.concat([datagram, Buffer.alloc(MAX_DATAGRAM_BYTES)]))).to.equal(undefined);
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 1_300 }), (rest) => {
          expect(opener.open(Buffer.concat([datagram.subarray(0, 18), rest]))).to.equal(undefined);
        }),
        { seed: seedFor('random data datagrams') },
      );
    });

    describe('replay window', () => {
      it('takes numbers as far as 2,048 behind the highest, once, in any order, and none beyond', () => {
        const opener = new Opener(direction);
        const top = 10_000n;
        expect(opener.open(sealed(top))).to.deep.equal(hello);

        expect(opener.open(sealed(top - WINDOW - 1n)), 'one too old').to.equal(undefined);
        for (const seq of [top - WINDOW, top - 1n, top - 77n]) {
          expect(opener.open(sealed(seq)), `first ${seq}`).to.deep.equal(hello);
          expect(opener.open(sealed(seq)), `again ${seq}`).to.equal(undefined);
        }
        expect(opener.open(sealed(top)), 'the highest again').to.equal(undefined);
      });

      it('number 0 is never accepted', () => {
        expect(new Opener(direction).open(sealed(0n))).to.equal(undefined);
      });

      it('agrees with a plain set of seen numbers for any row of numbers', () => {
        const jump = fc.oneof(fc.integer({ min: -2_100, max: 40 }), fc.integer({ min: 2_000, max: 5_000 }));
        fc.assert(
          fc.property(fc.array(jump, { maxLength: 120 }), (jumps) => {
            const opener = new Opener(direction);
            const seen = new Set<bigint>();
            let highest = 0n;
            for (const step of jumps) {
              const seq = highest + BigInt(step) > 0n ? highest + BigInt(step) : 1n;
              const isNew = !seen.has(seq) && seq >= highest - WINDOW;
              expect(opener.open(sealed(seq)) !== undefined, `${seq} after ${highest}`).to.equal(isNew);
              if (isNew) seen.add(seq);
              if (isNew && seq > highest) highest = seq;
            }
          }),
          { seed: seedFor('replay window'), numRuns: 60 },
        );
      });

      it('is exact up to 2^53 − 1, and refuses what lies above although its tag is right', () => {
        const opener = new Opener(direction);
        const last = 2n ** 53n - 1n;
        expect(opener.open(sealed(last - 2n))).to.deep.equal(hello);

        for (const seq of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n])
          expect(opener.open(sealed(seq)), String(seq)).to.equal(undefined);

        for (const seq of [last - 1n, last]) {
          expect(opener.open(sealed(seq)), String(seq)).to.deep.equal(hello);
          expect(opener.open(sealed(seq)), `${seq} again`).to.equal(undefined);
        }
        expect(opener.open(sealed(last - WINDOW))).to.deep.equal(hello);
        expect(opener.open(sealed(last - WINDOW - 1n))).to.equal(undefined);
      });

      it('does not mistake a number for the one 2^32 below it', () => {
        const opener = new Opener(direction);

        for (const seq of [5n, 2n ** 32n + 5n, 2n ** 32n + 4n]) expect(opener.open(sealed(seq))).to.deep.equal(hello);
        expect(opener.open(sealed(6n))).to.equal(undefined);
      });
    });
  });
