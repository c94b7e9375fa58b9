import { expect } from 'chai';
import { ContentError } from '../../common/content/content-error.js';
import { fileIdFromHash, isFileId, parseFileId, shortFileId } from '../../common/content/file-id.js';

const ID = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';

describe('parseFileId', () => {
  it('takes 64 lower-case hexadecimal digits', () => {
    expect(parseFileId(ID)).to.equal(ID);
    expect(isFileId(ID)).to.equal(true);
  });

  const refused: [string, string][] = [
    ['nothing', ''],
    ['63 digits', ID.slice(1)],
    ['65 digits', `${ID}0`],
    ['upper case', ID.toUpperCase()],
    ['a letter that is no digit', ID.replace('a', 'g')],
    ['a line break behind it', `${ID}\n`],
    ['a line break before it', `\n${ID}`],
    ['a path', `../${ID.slice(3)}`],
    ['wide digits', ID.replace('1', '１')],
  ];
  for (const [what, text] of refused) {
    it(`refuses ${what}, without repeating it`, () => {
      expect(() => parseFileId(text))
        .to.throw(ContentError, /^this is not a file id: it has 64 lower-case hexadecimal digits$/)
        .with.property('code', 'bad-id');
    });
  }
});

describe('shortFileId', () => {
  it('is the first 16 digits', () => {
    expect(shortFileId(parseFileId(ID))).to.equal('af1349b9f5f9a1a6');
  });
});

describe('fileIdFromHash', () => {
  it('writes 32 bytes as hexadecimal digits, also from the middle of a buffer', () => {
    const padded = Buffer.concat([Buffer.from('xx'), Buffer.from(ID, 'hex'), Buffer.from('yy')]);

    expect(fileIdFromHash(padded.subarray(2, 34))).to.equal(ID);
  });

  it('refuses a hash of another length', () => {
    expect(() => fileIdFromHash(new Uint8Array(31)))
      .to.throw(ContentError)
      .with.property('code', 'bad-id');
  });
});
