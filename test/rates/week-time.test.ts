import { expect } from 'chai';

import { parseWeekTime } from '../../peer/rates/week-time.js';

// 2030-01-07 is a Monday; local time, as people mean it.
const at = (day: number, hour: number, minute = 0): number => new Date(2030, 0, 6 + day, hour, minute).getTime();
const [SUN, MON, FRI, SAT] = [0, 1, 5, 6];

describe('parseWeekTime', () => {
  const texts: readonly [string, string, readonly number[], readonly number[]][] = [
    [
      'mon-fri 08:00-18:00',
      'mon-fri 08:00-18:00',
      [at(MON, 8), at(FRI, 17, 59)],
      [at(MON, 18), at(SAT, 9), at(MON, 7, 59)],
    ],
    ['Sat,Sun', 'sat-sun', [at(SAT, 0), at(SUN, 23, 59)], [at(FRI, 23, 59), at(MON, 0)]],
    ['22-6', '22:00-06:00', [at(MON, 22), at(MON, 5, 59), at(SUN, 0)], [at(MON, 6), at(MON, 21, 59)]],
    ['fri 22:00-06:00', 'fri 22:00-06:00', [at(FRI, 23), at(SAT, 5)], [at(FRI, 5), at(SAT, 22)]],
    ['fri-mon', 'mon,fri-sun', [at(FRI, 1), at(SUN, 1), at(MON, 1)], [at(2, 1), at(4, 1)]],
    ['mon , wed 0:00-24:00', 'mon,wed 00:00-24:00', [at(MON, 0), at(3, 23, 59)], [at(2, 0)]],
    ['mon-sun', 'mon-sun', [at(MON, 0), at(SUN, 23)], []],
  ];
  for (const [text, spelling, inside, outside] of texts) {
    it(`reads "${text}"`, () => {
      const time = parseWeekTime(text);

      expect(time?.text).to.equal(spelling);
      expect(inside.map((moment) => time?.includes(moment))).to.deep.equal(inside.map(() => true));
      expect(outside.map((moment) => time?.includes(moment))).to.deep.equal(outside.map(() => false));
      expect(parseWeekTime(spelling)?.text, 'its own spelling').to.equal(spelling);
    });
  }

  for (const text of [
    '',
    'monday',
    'mon-',
    '-',
    '8:00',
    '8:00-8:00',
    '25:00-26:00',
    '08:60-09:00',
    '24:00-01:00',
    'mon-fri-sun',
    '1-2-3',
    'now',
    '08:00-18:00 mon',
  ]) {
    it(`refuses "${text}"`, () => {
      expect(parseWeekTime(text)).to.equal(undefined);
    });
  }
});
