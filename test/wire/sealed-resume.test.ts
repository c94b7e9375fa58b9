import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { ProtocolError } from '../../common/protocol/errors.js';
import { MAX_DATAGRAM_BYTES, MAX_RESUME_TOKEN_LENGTH } from '../../common/protocol/limits.js';
import { KIND } from '../../common/wire/datagrams.js';
import {
  MAX_SEALED_RESUME_REPLY_BYTES,
  type OpenedResume,
  openResume,
  resumeProof,
  sealResume,
} from '../../common/wire/sealed-resume.js';
import { seedFor } from '../support/seed.js';

const cookie = randomBytes(24);
const resumeKey = randomBytes(32);
const token = 'gAAAAABo-token';
const message = { type: 'resume', serving: true };
const sealed = (content: object = message): ReturnType<typeof sealResume> =>
  sealResume({ cookie, token, resumeKey, message: content });
const keyOf = (text: string): Buffer | undefined => (text === token ? resumeKey : undefined);

describe('sealed resume', () => {
  it('carries resume and reply between two ends that share the resume key', () => {
    const resume = sealed();
    const request = accepted(openResume(resume.datagram, keyOf));

    expect(request.token).to.equal(token);
    expect(JSON.parse(request.plaintext.toString())).to.deep.equal(message);
    expect(resume.openReply(request.sealReply({ ok: true }))?.toString()).to.equal('{"ok":true}');
  });

  it('always has 1,200 bytes and no two are alike', () => {
    const [first, second] = [sealed(), sealed({ ...message, libraryRevision: 12_345 })];
    const saltAt = 28 + token.length;

    expect([first.datagram.length, second.datagram.length]).to.deep.equal([MAX_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES]);
    expect(first.datagram.subarray(saltAt)).to.not.deep.equal(second.datagram.subarray(saltAt));
  });

  it('a flip of any bit is refused: as damaged, or as a token nobody gave out', () => {
    const { datagram } = sealed();
    for (let bit = 0; bit < datagram.length * 8; bit += 1) {
      const bad = Buffer.from(datagram);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const result = openResume(bad, keyOf);
      expect(result === undefined || 'refused' in result, `bit ${bit}`).to.equal(true);
    }
  });

  it('a flip of any bit of the reply, a shortened one, and the reply to another resume are refused', () => {
    const resume = sealed();
    const good = accepted(openResume(resume.datagram, keyOf)).sealReply({ ok: true });
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(resume.openReply(bad), `bit ${bit}`).to.equal(undefined);
    }
    for (let length = 0; length < good.length; length += 1)
      expect(resume.openReply(good.subarray(0, length))).to.equal(undefined);

    expect(sealed().openReply(good)).to.equal(undefined);
  });

  it('says which salt to echo when the token is refused', () => {
    const { datagram } = sealed();
    const result = openResume(datagram, () => undefined);

    expect(result).to.deep.equal({ refused: datagram.subarray(28 + token.length, 44 + token.length) });
  });

  it('a sniffed token without its key is worth nothing', () => {
    const { datagram } = sealResume({ cookie, token, resumeKey: randomBytes(32), message });

    expect(openResume(datagram, keyOf)).to.equal(undefined);
  });

  it('no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 1_198 }), (rest) => {
        const bytes = Buffer.alloc(MAX_DATAGRAM_BYTES);
        bytes.set([1, KIND.resume]);
        bytes.set(rest, 2);
        const result = openResume(bytes, () => resumeKey);
        expect(result).to.equal(undefined);
      }),
      { seed: seedFor('random resumes') },
    );
    for (let length = 0; length < MAX_DATAGRAM_BYTES; length += 1)
      expect(openResume(sealed().datagram.subarray(0, length), keyOf)).to.equal(undefined);
  });

  it('a message or token that does not fit is refused', () => {
    const fill = (length: number): object => ({ a: 'x'.repeat(length - 8) });
    const request = accepted(openResume(sealed().datagram, keyOf));

    expect(request.sealReply(fill(MAX_SEALED_RESUME_REPLY_BYTES)).length).to.equal(MAX_DATAGRAM_BYTES);
    expect(() => request.sealReply(fill(MAX_SEALED_RESUME_REPLY_BYTES + 1)))
      .to.throw(ProtocolError)
      .with.property('code', 'use-tcp');
    expect(() => sealed(fill(1_200)))
      .to.throw(ProtocolError)
      .with.property('code', 'use-tcp');
    for (const length of [0, MAX_RESUME_TOKEN_LENGTH + 1]) {
      expect(() => sealResume({ cookie, token: 'a'.repeat(length), resumeKey, message })).to.throw(RangeError, 'token');
    }
  });

  it('the proof depends on the key and on the attempt', () => {
    const attempt = randomBytes(16);

    expect(resumeProof(resumeKey, attempt).length).to.equal(32);
    expect(resumeProof(resumeKey, attempt)).to.deep.equal(resumeProof(resumeKey, attempt));
    expect(resumeProof(randomBytes(32), attempt)).to.not.deep.equal(resumeProof(resumeKey, attempt));
    expect(resumeProof(resumeKey, randomBytes(16))).to.not.deep.equal(resumeProof(resumeKey, attempt));
  });
});

function accepted(result: ReturnType<typeof openResume>): OpenedResume {
  if (result === undefined || 'refused' in result) throw new Error('the resume was refused');
  return result;
}
