import { expect } from 'chai';
import fc from 'fast-check';
import { SEARCH_ORDERS } from '../../common/protocol/search-fields.js';
import { decodeSearchKey, encodeSearchKey } from '../../tracker/handlers/search-cursor.js';

const ID = 'V1StGXR8_Z5jdHi6B-myT';

describe('the cursor of a search', () => {
  it('has at most 128 characters, however long a name is, and keeps its beginning', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 255 }), (value) => {
        const cursor = encodeSearchKey({ value, publicationId: ID }, 'name');
        const key = decodeSearchKey(cursor, 'name');

        expect(cursor.length).to.be.at.most(128);
        expect(key?.publicationId).to.equal(ID);
        expect(value.startsWith(String(key?.value))).to.equal(true);
        expect(Buffer.byteLength(String(key?.value))).to.be.at.least(Math.min(Buffer.byteLength(value), 61));
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
      expect(() => decodeSearchKey(Buffer.from(text).toString('base64url'), 'largest')).to.throw(
        'not one of this list',
      );
  });
});
