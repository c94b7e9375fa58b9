import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { formatPin, loadOrCreateIdentity, parsePin, pinOfSpki, verifySignature } from '../../common/wire/identity.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { newIdentity } from './test-identity.js';

describe('identity', () => {
  let folder: TempDir;
  let path: string;
  beforeEach(async () => {
    folder = await tempDir();
    path = folder.join('identity.pem');
  });
  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  it('is made once, readable by its owner alone, and the same ever after', async () => {
    const made = await loadOrCreateIdentity(path, { commonName: 'shoal tracker' });
    const loaded = await loadOrCreateIdentity(path, { commonName: 'another name' });

    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(loaded.pin)
      .to.equal(made.pin)
      .and.match(/^[0-9a-f]{64}$/);
    expect([loaded.keyPem, loaded.certPem]).to.deep.equal([made.keyPem, made.certPem]);
    expect(verifySignature(made.spki, loaded.sign(Buffer.from('x')), Buffer.from('x'))).to.equal(true);
  });

  it('has a P-256 certificate that is valid for decades on either side', async () => {
    const { certPem, spki } = await newIdentity('odd, CN=name/with #signs');
    const certificate = new X509Certificate(certPem);

    expect(certificate.publicKey.export({ type: 'spki', format: 'der' })).to.deep.equal(spki);
    expect(spki.length).to.equal(91);
    expect(certificate.validFromDate.getTime()).to.be.below(Date.UTC(2021, 0, 1));
    expect(certificate.validToDate.getTime()).to.be.above(Date.UTC(2100, 0, 1));
    expect(certificate.ca).to.equal(false);
  });

  it('two installations differ', async () => {
    expect((await newIdentity()).pin).to.not.equal((await newIdentity()).pin);
  });

  it('a file that holds none is named, explained and left alone', async () => {
    const other = await newIdentity();
    const own = await newIdentity();
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    for (const [content, reason] of [
      ['', ''],
      ['not a key', ''],
      [own.keyPem, ''],
      [own.keyPem + other.certPem, 'another key'],
      [rsa + own.certPem, 'not P-256'],
    ] as const) {
      await writeFile(path, content);
      const error = await loadOrCreateIdentity(path, { commonName: 'x' }).then(
        () => undefined,
        (reason_: Error) => reason_,
      );

      expect(error?.message).to.include(path).and.include(reason).and.include('backup');
      expect(await readFile(path, 'utf8')).to.equal(content);
    }
  });

  it('a folder that is missing or a path that is a folder is an error, not a new identity elsewhere', async () => {
    for (const bad of [folder.join('missing', 'identity.pem'), folder.path]) {
      expect(
        await loadOrCreateIdentity(bad, { commonName: 'x' }).then(
          () => 'made',
          () => 'refused',
        ),
      ).to.equal('refused');
    }
  });

  it('signs what its parts join to, in 64 bytes, and no flipped bit verifies', async () => {
    const { spki, sign } = await newIdentity();
    const parts = [Buffer.from('label'), randomBytes(20)];
    const signature = sign(...parts);

    expect(signature.length).to.equal(64);
    expect(verifySignature(spki, signature, Buffer.concat(parts))).to.equal(true);
    for (let bit = 0; bit < 512; bit += 1) {
      const bad = Buffer.from(signature);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifySignature(spki, bad, ...parts), `bit ${bit}`).to.equal(false);
    }
    expect(verifySignature(spki, signature, parts[0] ?? signature)).to.equal(false);
  });

  it('nothing verifies with a malformed, foreign or other kind of key, or a signature of another length', async () => {
    const { spki, sign } = await newIdentity();
    const data = Buffer.from('x');
    const signature = sign(data);
    const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey.export({
      type: 'spki',
      format: 'der',
    });

    for (const key of [Buffer.alloc(0), randomBytes(91), spki.subarray(1), ed25519, p384, (await newIdentity()).spki]) {
      expect(verifySignature(key, signature, data)).to.equal(false);
    }
    for (const length of [0, 1, 63, 65, 72]) expect(verifySignature(spki, Buffer.alloc(length), data)).to.equal(false);
    expect(verifySignature(spki, Buffer.alloc(64), data)).to.equal(false);
  });

  it('pins are shown with their hash and read with or without it', async () => {
    const { pin, spki } = await newIdentity();

    expect(pinOfSpki(spki)).to.equal(pin);
    for (const text of [pin, formatPin(pin), formatPin(pin).toUpperCase(), ` ${formatPin(pin)}\n`])
      expect(parsePin(text)).to.equal(pin);
    for (const text of ['', 'sha256:', pin.slice(1), `${pin}0`, `sha1:${pin}`, `sha256:${pin} x`, 'g'.repeat(64)]) {
      expect(() => parsePin(text), text).to.throw(RangeError, 'sha256:');
    }
  });
});
