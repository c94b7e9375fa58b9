import { expect } from 'chai';
import fc from 'fast-check';
import { cellWidth, safeDisplay } from '../../common/content/safe-display.js';
import { quoted, readVectors } from './vectors.js';

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const { names } = readVectors<{ names: readonly { why: string; code: string; name: string }[] }>('hostile-names');

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({
    unit: fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom('\x1b[', '\x1b]52;c;', '\x9b', '\u202e', '\u0301', '日', '👍🏽', '👨‍👩‍👧', '🇩🇪', 'a', ' '),
    ),
    maxLength: 40,
  }),
);

describe('safeDisplay', () => {
  const shown: [string, string][] = [
    ['holiday.mp4', 'holiday.mp4'],
    ['Grüße, 日本語 😀', 'Grüße, 日本語 😀'],
    ['', ''],
    ['\x1b[31mred', '<U+001B>[31mred'],
    ['\x1b]52;c;AAAA\x07', '<U+001B>]52;c;AAAA<U+0007>'],
    ['\x9b2J', '<U+009B>2J'],
    ['a\r\nb\tc', 'a<U+000D><U+000A>b<U+0009>c'],
    ['\x7f\0', '<U+007F><U+0000>'],
    ['photo\u202egnp.exe', 'photo<U+202E>gnp.exe'],
    ['re\u200bport\ufeff', 're<U+200B>port<U+FEFF>'],
    ['a\u2028b', 'a<U+2028>b'],
    ['x\ud800y', 'x<U+D800>y'],
    ['\u{e0041}', '<U+E0041>'],
    ['\u0301a', '<U+0301>a'],
    ['e\u0301', 'e\u0301'],
    ['n\u0303\u0303\u0303\u0303\u0303', 'n\u0303\u0303\u0303\u0303<U+0303>'],
  ];
  for (const [text, expected] of shown) {
    it(`shows ${quoted(text)} as ${quoted(expected)}`, () => {
      expect(safeDisplay(text)).to.equal(expected);
    });
  }

  const cuts: [string, number, string][] = [
    ['holiday.mp4', 11, 'holiday.mp4'],
    ['holiday.mp4', 10, 'holiday.m…'],
    ['holiday.mp4', 1, '…'],
    ['holiday.mp4', 0, ''],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['日本語', 1, '…'],
    ['a\x1b', 9, 'a<U+001B>'],
    ['a\x1b', 8, 'a…'],
    ['cafe\u0301s', 5, 'cafe\u0301s'],
    ['cafe\u0301ss', 5, 'cafe\u0301…'],
    ['😀😀', 3, '😀…'],
  ];
  for (const [text, maxCells, expected] of cuts) {
    it(`cuts ${quoted(text)} to ${maxCells} cells as ${quoted(expected)}`, () => {
      expect(safeDisplay(text, { maxCells })).to.equal(expected);
    });
  }

  it('lets no control, format, zero-width or unassigned character through, whatever it is given', () => {
    fc.assert(
      fc.property(anyText, fc.option(fc.nat({ max: 30 }), { nil: undefined }), (text, maxCells) => {
        const result = safeDisplay(text, maxCells === undefined ? {} : { maxCells });
        expect(result).to.not.match(UNSAFE);
        expect(result.isWellFormed()).to.equal(true);
      }),
      { numRuns: 5000 },
    );
  });

  it('is never wider than asked', () => {
    fc.assert(
      fc.property(anyText, fc.nat({ max: 30 }), (text, maxCells) => {
        expect(cellWidth(safeDisplay(text, { maxCells }))).to.be.at.most(maxCells);
      }),
      { numRuns: 5000 },
    );
  });

  it('never begins with a mark that would join what stands before it', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(safeDisplay(text)).to.not.match(/^[\p{Mn}\p{Me}]/u);
      }),
    );
  });

  it('changes nothing when its own output is shown again', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(safeDisplay(safeDisplay(text))).to.equal(safeDisplay(text));
      }),
    );
  });

  for (const maxCells of [20, 80, 200]) {
    it(`shows every hostile name in one line of ${maxCells} cells`, () => {
      for (const { name, why } of names) {
        const result = safeDisplay(name, { maxCells });
        expect(result, why).to.not.match(UNSAFE);
        expect(cellWidth(result), why).to.be.at.most(maxCells);
      }
    });
  }

  it('cuts a pasted megabyte without looking at all of it', function () {
    this.timeout(5_000);
    const pasted = '日\x1b'.repeat(2 ** 19);

    for (let run = 0; run < 1000; run += 1) expect(cellWidth(safeDisplay(pasted, { maxCells: 80 }))).to.be.at.most(80);
  });
});

describe('cellWidth', () => {
  const widths: [string, number][] = [
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['日本', 4],
    ['ｱｲ', 2],
    ['ＡＢ', 4],
    ['한국', 4],
    ['😀', 2],
    ['❤', 1],
    ['█░…–', 4],
    ['файл', 4],
    ['\u3000', 2],
    ['𠀀', 2],
  ];
  for (const [text, cells] of widths) {
    it(`counts ${quoted(text)} as ${cells}`, () => expect(cellWidth(text)).to.equal(cells));
  }
});
