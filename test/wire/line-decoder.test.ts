import { expect } from 'chai';
import fc from 'fast-check';
import { ProtocolError } from '../../common/protocol/errors.js';
import { LineDecoder } from '../../common/wire/line-decoder.js';
import { seedFor } from '../support/seed.js';

const MAX = 64;
const line = fc
  .uint8Array({ maxLength: MAX })
  .map((bytes) => Buffer.from(bytes).map((byte) => (byte === 0x0a ? 0x0b : byte)));

describe('LineDecoder', () => {
  it('gives the same lines however the bytes are split', () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (lines, sizes) => {
          const stream = Buffer.concat(lines.flatMap((bytes) => [bytes, Buffer.from('\n')]));
          const decoder = new LineDecoder(MAX);

          const found = pieces(stream, sizes).flatMap((piece) =>
            [...decoder.push(piece)].map((bytes) => Buffer.from(bytes).toString('hex')),
          );

          expect(found).to.deep.equal(lines.map((bytes) => Buffer.from(bytes).toString('hex')));
          expect(decoder.buffered).to.equal(0);
        },
      ),
      { seed: seedFor('line splits') },
    );
  });

  it('survives that the caller reuses its read buffer for the next piece', () => {
    const decoder = new LineDecoder(MAX);
    const shared = Buffer.from('abc');

    expect([...decoder.push(shared)]).to.deep.equal([]);
    shared.fill('x');

    expect([...decoder.push(Buffer.from('def\n'))].map(String)).to.deep.equal(['abcdef']);
  });

  for (const size of [1, 7, MAX, MAX + 1, 1_000]) {
    it(`refuses a line of ${MAX + 1} bytes that arrives ${size} bytes at a time, without waiting for its end`, () => {
      const decoder = new LineDecoder(MAX);
      const feed = (): void => {
        for (const piece of pieces(Buffer.alloc(MAX + 1, 0x20), [size])) for (const _ of decoder.push(piece));
      };

      expect(feed).to.throw(ProtocolError).with.property('code', 'bad-message');
      expect(decoder.buffered, 'bytes kept of a refused line').to.equal(0);
    });
  }

  it('takes a line of exactly the cap, and refuses an ended one that is longer', () => {
    const decoder = new LineDecoder(MAX);

    expect([...decoder.push(Buffer.from(`${'a'.repeat(MAX)}\n`))].map(String)).to.deep.equal(['a'.repeat(MAX)]);
    expect(() => [...decoder.push(Buffer.from(`${'a'.repeat(MAX + 1)}\n`))]).to.throw(ProtocolError);
  });

  it('judges before it decodes: bytes that are no UTF-8 count like any others', () => {
    const decoder = new LineDecoder(MAX);

    expect(() => [...decoder.push(Buffer.alloc(MAX + 1, 0xff))]).to.throw(ProtocolError);
  });

  it('lets a longer line pass after setMax, the one already begun too', () => {
    const decoder = new LineDecoder(4);
    expect([...decoder.push(Buffer.from('in\nlong'))].map(String)).to.deep.equal(['in']);

    decoder.setMax(10);

    expect([...decoder.push(Buffer.from('er one\n'))].map(String)).to.deep.equal(['longer one']);
  });

  it('leaves what follows a line as raw bytes to whoever stops there', () => {
    const decoder = new LineDecoder(MAX);
    for (const _ of decoder.push(Buffer.from('run\n\n\nraw'))) break;

    expect(decoder.buffered).to.equal(5);
    expect(decoder.takeRest().toString()).to.equal('\n\nraw');
    expect(decoder.buffered).to.equal(0);
    expect([...decoder.push(Buffer.from('next\n'))].map(String)).to.deep.equal(['next']);
  });

  it('goes on where the caller stopped, with more bytes or with none', () => {
    const decoder = new LineDecoder(MAX);
    for (const _ of decoder.push(Buffer.from('a\nb\nc'))) break;

    expect([...decoder.push(Buffer.alloc(0))].map(String)).to.deep.equal(['b']);
    expect([...decoder.push(Buffer.from('d\n'))].map(String)).to.deep.equal(['cd']);
  });

  it('keeps bytes that were pushed although nobody asked for lines', () => {
    const decoder = new LineDecoder(MAX);
    decoder.push(Buffer.from('a\nb'));

    expect(decoder.buffered).to.equal(3);
    expect(decoder.takeRest().toString()).to.equal('a\nb');
  });

  it('takes a megabyte that comes byte by byte in well under a second', function () {
    this.timeout(5_000);
    const decoder = new LineDecoder(2 ** 20);
    const byte = Buffer.from('a');
    for (let count = 0; count < 2 ** 20; count += 1)
      for (const _ of decoder.push(byte)) throw new Error('no line is complete');

    expect([...decoder.push(Buffer.from('\n'))][0]?.length).to.equal(2 ** 20);
  });
});

function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 0, index = 0; start < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    found.push(bytes.subarray(start, start + size));
    start += size;
  }
  return found;
}
