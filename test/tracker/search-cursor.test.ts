import { expect } from 'chai';
import fc from 'fast-check';
import { SEARCH_ORDERS } from '../../common/protocol/search-fields.js';
import { SealedCursors } from '../../tracker/auth/sealed-cursors.js';
import { decodeSearchKey, encodeSearchKey } from '../../tracker/handlers/search-cursor.js';

const ID = 'V1StGXR8_Z5jdHi6B-myT';
const cursors = new SealedCursors(Buffer.alloc(32, 1));

describe('the cursor of a search', () => {
  it('has at most 128 characters, however long a name is, and keeps its beginning', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 255 }), (value) => {
        const cursor = cursors.seal(encodeSearchKey({ value, publicationId: ID }, 'name'));
        const key = decodeSearchKey(cursors.open(cursor), 'name');

        expect(cursor.length).to.be.at.most(128);
        expect(key?.publicationId).to.equal(ID);
        expect(value.startsWith(String(key?.value))).to.equal(true);
        expect(Buffer.byteLength(String(key?.value))).to.be.at.least(Math.min(Buffer.byteLength(value), 41));
      }),
    );
  });

  it('gives numbers back as they were', () => {
    for (const order of SEARCH_ORDERS.filter((name) => name !== 'name'))
      for (const value of [0, 1, Number.MAX_SAFE_INTEGER])
        expect(decodeSearchKey(encodeSearchKey({ value, publicationId: ID }, order), order)).to.deep.equal({
          value,
          publicationId: ID,
        });
  });

  it('is refused in another order, and when it was not made here', () => {
    const cursor = encodeSearchKey({ value: 7, publicationId: ID }, 'largest');

    for (const order of SEARCH_ORDERS.filter((name) => name !== 'largest'))
      expect(() => decodeSearchKey(cursor, order)).to.throw('not one of this list');
    for (const text of ['', 'x', `l.${ID}.x`, `l.${ID}.`, 'l.short.1'])
      expect(() => decodeSearchKey(text, 'largest')).to.throw('not one of this list');
  });

  it('says nothing to its bearer, who cannot make one; other nodes with the same key go on from it', () => {
    const text = encodeSearchKey({ value: 'the name of a hidden file', publicationId: ID }, 'name');
    const cursor = cursors.seal(text);
    const bytes = Buffer.from(cursor, 'base64url');

    for (const told of [
      ID,
      'hidden',
      ...[ID, text].map((part) => Buffer.from(part).toString('base64url').slice(0, 12)),
    ])
      expect([cursor, bytes.toString('latin1')].filter((seen) => seen.includes(told))).to.deep.equal([]);
    expect(new SealedCursors(Buffer.alloc(32, 1)).open(cursor)).to.equal(text);
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => cursors.open(changed.toString('base64url'))).to.throw('not one of this list');
    }
    for (const made of ['', 'AA', Buffer.from(text).toString('base64url')])
      expect(() => cursors.open(made)).to.throw('not one of this list');
    expect(() => new SealedCursors(Buffer.alloc(32, 2)).open(cursor)).to.throw('not one of this list');
  });
});
