import { expect } from 'chai';
import fc from 'fast-check';
import { LineSplitter, LineTooLongError } from '../../peer/daemon/local-lines.js';

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    const text = fc.array(
      fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll('\n', ' ')),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (lines, sizes) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const splitter = new LineSplitter(10_000);
        const found: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          found.push(...splitter.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(found).to.deep.equal(lines);
      }),
    );
  });

  it('counts bytes, not characters', () => {
    expect(new LineSplitter(4).push(Buffer.from('éé\n'))).to.deep.equal(['éé']);
    expect(() => new LineSplitter(3).push(Buffer.from('éé\n'))).to.throw(LineTooLongError);
  });

  it('refuses at the cap, without waiting for the end of the line', () => {
    const splitter = new LineSplitter(8);
    splitter.push(Buffer.from('12345678'));

    expect(() => splitter.push(Buffer.from('9'))).to.throw(LineTooLongError);
  });
});
