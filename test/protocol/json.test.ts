import { expect } from 'chai';
import fc from 'fast-check';
import { fromBase64url, isBase64url, toBase64url } from '../../common/protocol/base64url.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { encodeJson, parseJson } from '../../common/protocol/json.js';
import { seedFor } from '../support/seed.js';

const refuses = (bytes: Uint8Array | string): boolean => {
  try {
    parseJson(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    return false;
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'bad-message') return true;
    throw error;
  }
};
const nested = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;

describe('JSON of the wire', () => {
  it('objects survive encode and parse', () => {
    // JSON has no -0 and no undefined, and __proto__ as a key is a matter of its own below.
    const value = fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(fc.string(), { maxLength: 3 }),
      ),
    );
    fc.assert(
      fc.property(value, (object) => {
        expect(parseJson(encodeJson(object))).to.deep.equal({ ...object });
      }),
      { seed: seedFor('json round trip') },
    );
  });

  it('eight levels pass, nine do not, and neither does a megabyte of brackets', () => {
    expect(parseJson(Buffer.from(nested(8)))).to.be.an('object');
    for (const text of [
      nested(9),
      `{"a":${'['.repeat(8)}${']'.repeat(8)}}`,
      '['.repeat(1_000_000),
      '{"a":'.repeat(200_000),
    ]) {
      expect(refuses(text), text.slice(0, 40)).to.equal(true);
    }
  });

  it('brackets in strings are no depth, however they are quoted', () => {
    for (const text of ['[[[[[[[[[[', '"[[[[[[[[[["', '\\"[[[[[[[[[[', '\\', '\\\\"{{{{{{{{{{']) {
      expect(parseJson(encodeJson({ text, [text]: 1 }))['text']).to.equal(text);
    }
  });

  for (const [what, bytes] of [
    ['nothing', ''],
    ['an array', '[]'],
    ['a string', '"x"'],
    ['a number', '1'],
    ['null', 'null'],
    ['half an object', '{"a":'],
    ['two objects', '{}{}'],
    ['a byte order mark', '\ufeff{}'],
    ['a NUL', '{}\0'],
    ['a comment', '{}//'],
    ['a trailing comma', '{"a":1,}'],
    ['a bare control character', '{"a":"\u0001"}'],
    ['single quotes', "{'a':1}"],
    ['NaN', '{"a":NaN}'],
    ['UTF-8 cut in the middle', Buffer.from('{"a":"ä"}').subarray(0, 7)],
    ['an overlong form', Buffer.from([0x7b, 0xc0, 0xa2, 0x7d])],
    ['an encoded surrogate', Buffer.from('{"a":"\xed\xa0\x80"}', 'latin1')],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
  ] as const) {
    it(`${what} is refused`, () => {
      expect(refuses(bytes)).to.equal(true);
    });
  }

  it('"__proto__" is a key like any other', () => {
    const value = parseJson(Buffer.from('{"__proto__":{"isAdmin":true}}'));

    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
    expect(value['isAdmin']).to.equal(undefined);
    expect(({} as Record<string, unknown>)['isAdmin']).to.equal(undefined);
  });

  it('the error quotes nothing of the message: it may be a password', () => {
    expect(() => parseJson(Buffer.from('{"password":hunter2}')))
      .to.throw(ProtocolError)
      .with.property('message')
      .that.does.not.include('hunter');
  });

  it('any bytes give an object or a ProtocolError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0019ae-+. \n') }).map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          if (!refuses(bytes)) expect(parseJson(bytes)).to.be.an('object');
        },
      ),
      { seed: seedFor('random json'), numRuns: 2_000 },
    );
  });
});

describe('base64url', () => {
  it('gives back any bytes, and only bytes of the wanted length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const text = toBase64url(bytes);
        expect(Buffer.from(bytes).equals(fromBase64url(text, bytes.length))).to.equal(true);
        expect(isBase64url(text, bytes.length)).to.equal(true);
        expect(isBase64url(text, bytes.length + 1)).to.equal(false);
        expect(() => fromBase64url(text, bytes.length + 1)).to.throw(ProtocolError);
      }),
      { seed: seedFor('base64url') },
    );
  });

  it('reads a view of a larger buffer, not what surrounds it', () => {
    expect(toBase64url(Buffer.from('xxABCxx').subarray(2, 5))).to.equal('QUJD');
    expect(toBase64url(new Uint8Array([0, 65, 0]).subarray(1, 2))).to.equal('QQ');
  });

  for (const text of ['QQ==', 'QQ=', 'QR', 'Q', 'Q Q', 'QQ\n', 'Q+==', 'Q/8', 'ä', 'QQ.', 'QUJD ']) {
    it(`${JSON.stringify(text)} is refused: one text for the same bytes is enough`, () => {
      expect(() => fromBase64url(text))
        .to.throw(ProtocolError)
        .with.property('code', 'bad-message');
      expect(isBase64url(text, 1)).to.equal(false);
    });
  }
});
