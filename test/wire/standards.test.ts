import { expect } from 'chai';
import { hpke } from '../../common/wire/hpke.js';
import { openToken, SealedTokenError, type SealedTokenErrorCode } from '../../common/wire/sealed-token.js';
import { fernetToken, gcmSeal, hex, hpkeContext, openFernetToken } from '../vectors/second-implementation.js';
import { readVectors } from './vectors.js';

describe('RFC 9180 appendix A.1.1', () => {
  const vector = readVectors<
    Record<
      'info' | 'ikmE' | 'ikmR' | 'pkEm' | 'skEm' | 'pkRm' | 'skRm' | 'enc' | 'key' | 'base_nonce' | 'exporter_secret',
      string
    > & {
      encryptions: readonly { seq: number; pt: string; aad: string; nonce: string; ct: string }[];
      exports: readonly { context: string; length: number; value: string }[];
    }
  >('rfc9180');
  const text = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString('hex');

  it('holds for the sealing the program uses: every encryption', async () => {
    const context = await senderContext();
    const wanted = new Map(vector.encryptions.map((row) => [row.seq, row]));

    expect(text(context.enc)).to.equal(vector.enc);
    for (let seq = 0; seq <= 256; seq += 1) {
      const row = wanted.get(seq);
      const sealed = await context.seal(hex(row?.pt ?? '00'), hex(row?.aad ?? ''));
      if (row !== undefined) expect(text(sealed), `sequence number ${seq}`).to.equal(row.ct);
    }
  });

  it('holds for the opening the program uses, and a flipped bit is refused', async () => {
    const recipientKey = await hpke.kem.deriveKeyPair(hex(vector.ikmR));
    const context = await hpke.createRecipientContext({ recipientKey, enc: hex(vector.enc), info: hex(vector.info) });
    const [first] = vector.encryptions;
    const bad = hex(first?.ct ?? '');
    bad[3] = (bad[3] ?? 0) ^ 1;

    expect(await context.open(bad, hex(first?.aad ?? '')).catch(() => 'refused')).to.equal('refused');
    expect(text(await context.open(hex(first?.ct ?? ''), hex(first?.aad ?? '')))).to.equal(first?.pt);
  });

  it('holds for the exports the program uses', async () => {
    const context = await senderContext();

    for (const row of vector.exports)
      expect(text(await context.export(hex(row.context), row.length))).to.equal(row.value);
  });

  it('holds for the second implementation, from both ends', () => {
    const [pkE, pkR] = [hex(vector.pkEm), hex(vector.pkRm)];
    for (const side of [{ skE: hex(vector.skEm) }, { skR: hex(vector.skRm) }]) {
      const context = hpkeContext({ ...side, pkE, pkR }, hex(vector.info));

      expect(context.key.toString('hex')).to.equal(vector.key);
      expect(context.baseNonce.toString('hex')).to.equal(vector.base_nonce);
      expect(context.exporterSecret.toString('hex')).to.equal(vector.exporter_secret);
      for (const row of vector.encryptions) {
        expect(context.nonce(row.seq).toString('hex')).to.equal(row.nonce);
        expect(gcmSeal(context.key, context.nonce(row.seq), hex(row.aad), hex(row.pt)).toString('hex')).to.equal(
          row.ct,
        );
      }
      for (const row of vector.exports)
        expect(context.export(hex(row.context), row.length).toString('hex')).to.equal(row.value);
    }
  });

  async function senderContext(): ReturnType<typeof hpke.createSenderContext> {
    const recipientPublicKey = await hpke.kem.deserializePublicKey(hex(vector.pkRm));
    return await hpke.createSenderContext({
      recipientPublicKey,
      info: hex(vector.info),
      ekm: await hpke.kem.deriveKeyPair(hex(vector.ikmE)),
    });
  }
});

describe('official Fernet vectors', () => {
  interface Row {
    readonly token: string;
    readonly now: string;
    readonly secret: string;
  }
  const vectors = readVectors<{
    generate: readonly (Row & { iv: number[]; src: string })[];
    verify: readonly (Row & { src: string })[];
    invalid: readonly (Row & { desc: string })[];
  }>('fernet');
  const keyOf = (row: Row): Buffer => Buffer.from(row.secret, 'base64url');

  for (const row of vectors.verify) {
    it(`verify: "${row.src}" is authentic and then refused, for it is no JSON object`, () => {
      // Any other code would mean that the MAC or the padding was not accepted.
      expect(codeOf(row)).to.equal('unusable');
      expect(openFernetToken(keyOf(row), row.token)).to.equal(row.src);
    });
  }

  for (const row of vectors.generate) {
    it(`generate: "${row.src}" in the second implementation, whose tokens the program opens`, () => {
      const seconds = Date.parse(row.now) / 1_000;
      const message = { v: 1, notAfter: Date.parse(row.now) };

      expect(fernetToken(keyOf(row), seconds, Buffer.from(row.iv), row.src)).to.equal(row.token);
      expect(
        openToken(
          fernetToken(keyOf(row), seconds, Buffer.from(row.iv), JSON.stringify(message)),
          keyOf(row),
          message.notAfter,
        ),
      ).to.deep.equal(message);
    });
  }

  const expected: Record<string, SealedTokenErrorCode> = {
    'incorrect mac': 'forged',
    'too short': 'malformed',
    'invalid base64': 'malformed',
    'payload size not multiple of block size': 'malformed',
    'payload padding error': 'unusable',
    // The timestamp is not judged (see docs/protocol.md "Sealed tokens"): these are authentic, and hold no message of ours.
    'far-future TS (unacceptable clock skew)': 'unusable',
    'expired TTL': 'unusable',
    'incorrect IV (causes padding error)': 'unusable',
  };
  for (const row of vectors.invalid) {
    it(`invalid: ${row.desc} is refused`, () => {
      expect(codeOf(row)).to.be.oneOf(
        row.desc.includes('padding error') ? [expected[row.desc], 'forged'] : [expected[row.desc]],
      );
    });
  }

  function codeOf(row: Row): string {
    try {
      openToken(row.token, keyOf(row), Date.parse(row.now));
      return 'accepted';
    } catch (error) {
      if (error instanceof SealedTokenError) return error.code;
      throw error;
    }
  }
});
