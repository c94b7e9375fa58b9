import { expect } from 'chai';
import fc from 'fast-check';
import {
  formatCount,
  formatDuration,
  formatEta,
  formatPercent,
  formatRate,
  formatSize,
  fractionOf,
  progressBar,
} from '../../common/content/format.js';
import { cellWidth } from '../../common/content/safe-display.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

describe('formatSize', () => {
  const sizes: [number, string][] = [
    [0, '0 B'],
    [312, '312 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [MIB - 1, '1.0 MiB'],
    [1.5 * GIB, '1.5 GiB'],
    [4096 * GIB, '4.0 TiB'],
    [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
    [0.4, '0 B'],
    [1023.7, '1.0 KiB'],
    [-1, '–'],
    [NaN, '–'],
    [Infinity, '–'],
  ];
  for (const [bytes, text] of sizes) {
    it(`writes ${bytes} as ${text}`, () => expect(formatSize(bytes)).to.equal(text));
  }

  it('never shows 1024 of a unit that has a next one', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        expect(Number.parseFloat(formatSize(bytes))).to.be.below(1024);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('formatRate', () => {
  it('adds the second, and leaves an unknown rate unknown', () => {
    expect(formatRate(12.3 * MIB)).to.equal('12.3 MiB/s');
    expect(formatRate(0)).to.equal('0 B/s');
    expect(formatRate(NaN)).to.equal('–');
  });
});

describe('formatDuration', () => {
  const durations: [number, string][] = [
    [0, '0s'],
    [1, '1s'],
    [1000, '1s'],
    [7_000, '7s'],
    [59_001, '1m 00s'],
    [65_000, '1m 05s'],
    [3_599_000, '59m 59s'],
    [3_600_000, '1h 00m'],
    [7_380_000, '2h 03m'],
    [86_400_000, '1d 00h'],
    [4 * 86_400_000 + 7 * 3_600_000, '4d 07h'],
    [-5, '–'],
    [Infinity, '–'],
    [NaN, '–'],
  ];
  for (const [ms, text] of durations) {
    it(`writes ${ms} ms as ${text}`, () => expect(formatDuration(ms)).to.equal(text));
  }
});

describe('formatEta', () => {
  it('divides what is left by the rate', () => {
    expect(formatEta(65 * MIB, MIB)).to.equal('1m 05s');
    expect(formatEta(0, 0)).to.equal('0s');
  });

  it('knows nothing while nothing moves', () => {
    for (const rate of [0, -1, NaN]) expect(formatEta(MIB, rate)).to.equal('–');
  });
});

describe('formatCount', () => {
  const counts: [string, string][] = [
    [formatCount(0, 'file'), '0 files'],
    [formatCount(1, 'file'), '1 file'],
    [formatCount(2, 'file'), '2 files'],
    [formatCount(999, 'file'), '999 files'],
    [formatCount(12_345, 'entry', 'entries'), '12,345 entries'],
    [formatCount(1_000_000, 'row'), '1,000,000 rows'],
  ];
  for (const [text, expected] of counts) {
    it(`writes ${expected}`, () => expect(text).to.equal(expected));
  }
});

describe('formatPercent', () => {
  const percents: [number, number, string][] = [
    [0, 10, '0%'],
    [42, 100, '42%'],
    [99_999, 100_000, '99%'],
    [10, 10, '100%'],
    [11, 10, '100%'],
    [-1, 10, '0%'],
    [0, 0, '100%'],
    [NaN, 10, '0%'],
  ];
  for (const [done, total, text] of percents) {
    it(`writes ${done} of ${total} as ${text}`, () => expect(formatPercent(done, total)).to.equal(text));
  }
});

describe('progressBar', () => {
  const bars: [number, number, string][] = [
    [0, 8, '[░░░░░░]'],
    [4 / 6, 8, '[████░░]'],
    [0.999, 8, '[█████░]'],
    [1, 8, '[██████]'],
    [2, 5, '[███]'],
    [-1, 5, '[░░░]'],
    [NaN, 5, '[░░░]'],
    [1, 3, '[█]'],
    [1, 2, ''],
    [1, -4, ''],
    [1, NaN, ''],
  ];
  for (const [fraction, width, text] of bars) {
    it(`draws ${fraction} in ${width} cells as ${text || 'nothing'}`, () => {
      expect(progressBar(fraction, width)).to.equal(text);
    });
  }

  it('draws in ASCII for terminals that have nothing else', () => {
    expect(progressBar(0.5, 8, { isAscii: true })).to.equal('[###---]');
  });

  it('has exactly the width asked for, whatever the fraction', () => {
    fc.assert(
      fc.property(fc.double(), fc.integer({ min: 3, max: 300 }), (fraction, width) => {
        expect(cellWidth(progressBar(fraction, width))).to.equal(width);
        expect(fractionOf(fraction, 1)).to.be.within(0, 1);
      }),
    );
  });
});
