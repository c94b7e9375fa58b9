import { expect } from 'chai';
import fc from 'fast-check';

import { ContentError } from '../../common/content/content-error.js';
import {
  comparePaths,
  type FolderEntry,
  type FolderTotals,
  ListingReader,
  listingLine,
} from '../../common/content/folder-listing.js';

const ID = 'ab'.repeat(32);

function fileLine(path: string, more: object = {}): string {
  return `${JSON.stringify({ path, size: 1, fileId: ID, executable: false, ...more })}\n`;
}

function read(bytes: Uint8Array, step = bytes.length): { entries: FolderEntry[]; totals: FolderTotals } {
  const reader = new ListingReader();
  const entries: FolderEntry[] = [];
  for (let at = 0; at < bytes.length; at += Math.max(1, step))
    entries.push(...reader.push(bytes.subarray(at, at + Math.max(1, step))));
  return { entries, totals: reader.end() };
}

const part = fc.string({ unit: fc.constantFrom(...'abZ0 é中😀-_'), minLength: 1, maxLength: 6 });
const name = part.map((text) => `x${text}y`);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

const unicode = fc.string({ unit: 'binary', maxLength: 4 });

/** Files none of which is a directory of another, in any case. */
const files = fc.uniqueArray(path, { selector: (text) => text.toLowerCase(), maxLength: 30 }).map((paths) =>
  paths
    .filter((one) => !paths.some((other) => other.toLowerCase().startsWith(`${one.toLowerCase()}/`)))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((one, index) => ({ path: one, size: index, fileId: ID as never, executable: index % 2 === 0 })),
);

describe('a folder listing', () => {
  it('comes back as it was written, in pieces of any size', () => {
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 200 }), (entries, step) => {
        const { entries: found, totals } = read(Buffer.from(entries.map(listingLine).join('')), step);

        expect(found).to.deep.equal(entries);
        expect(totals).to.deep.equal({
          entries: entries.length,
          files: entries.length,
          bytes: entries.reduce((sum, { size }) => sum + size, 0),
        });
      }),
    );
  });

  it('orders paths as their UTF-8 bytes are ordered', () => {
    fc.assert(
      fc.property(unicode, unicode, (a, b) => {
        expect(Math.sign(comparePaths(a, b))).to.equal(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });

  const deep = Array.from({ length: 33 }, () => 'd').join('/');
  const hostile: [what: string, text: string, why: RegExp][] = [
    ['a way up', fileLine('../evil'), /path that is not allowed/],
    ['a way up inside', fileLine('a/../../evil'), /path that is not allowed/],
    ['an absolute path', fileLine('/etc/passwd'), /path that is not allowed/],
    ['a drive', fileLine('a\\b'), /path that is not allowed/],
    ['an empty name', fileLine('a//b'), /path that is not allowed/],
    ['a dot', fileLine('./a'), /path that is not allowed/],
    ['a control character', fileLine('a\u001b[2Jb'), /path that is not allowed/],
    ['a NUL', fileLine('a\0b'), /path that is not allowed/],
    ['a direction mark', fileLine('a\u202eb'), /path that is not allowed/],
    ['a name that is not NFC', fileLine('e\u0301'), /path that is not allowed/],
    ['too many parts', fileLine(deep), /path that is not allowed/],
    ['a part that is too long', fileLine('n'.repeat(256)), /path that is not allowed/],
    ['a path twice', fileLine('a') + fileLine('a'), /second time/],
    ['another order', fileLine('b') + fileLine('a'), /order of paths/],
    ['names that differ in case', fileLine('A/x') + fileLine('a/x'), /upper and lower case/],
    ['a file that is also a directory', fileLine('a') + fileLine('a/b'), /both a file and a directory/],
    ['a file that is a directory in another case', fileLine('A') + fileLine('a/b'), /both a file and a directory/],
    ['an empty directory that is not empty', '{"path":"a","dir":true}\n'.concat(fileLine('a/b')), /both a file and/],
    ['a negative size', fileLine('a', { size: -1 }), /no size/],
    ['a size that no file has', fileLine('a', { size: 2 ** 52 }), /no size/],
    ['an id that is none', fileLine('a', { fileId: '../../x' }), /no file id/],
    ['no executable bit', fileLine('a', { executable: undefined }), /executable/],
    ['a prototype', '{"__proto__":{"path":"a"}}\n', /no path/],
    ['no JSON', 'hello\n', /not JSON/],
    ['no object', '7\n', /no entry/],
    ['bytes that are not UTF-8', '', /not JSON/],
    ['a last line without its end', fileLine('a').trimEnd(), /no end/],
  ];
  for (const [what, text, why] of hostile) {
    it(`is refused as a whole for ${what}`, () => {
      const bytes = text === '' ? Buffer.from([0x7b, 0xff, 0x7d, 0x0a]) : Buffer.from(text);

      for (const step of [1, 7, bytes.length])
        expect(() => read(bytes, step))
          .to.throw(ContentError, why)
          .with.property('code', 'bad-listing');
    });
  }

  it('is refused when a line never ends, before it fills the memory', () => {
    const reader = new ListingReader();

    expect(() => [...reader.push(Buffer.alloc(65 * 1024, 'a'))]).to.throw(ContentError, /too long/);
  });

  it('is refused beyond the most entries there may be', () => {
    const lines = Array.from({ length: 11 }, (_, index) => fileLine(String(index).padStart(2, '0'))).join('');

    expect(() => [...new ListingReader({ mostEntries: 10 }).push(Buffer.from(lines))]).to.throw(
      ContentError,
      /more than 10 entries/,
    );
  });
});
