import { expect } from 'chai';

import type { LimitsView } from '../../peer/api.js';
import { type LimitWish, limitInput, limitsLayout } from '../../peer/wording/limits.js';

describe('a line of limit', () => {
  it('asks for rates, for times, and for one download', () => {
    expect(limitInput(wish({ rates: { down: '300K' } }))).to.deep.equal({ down: 307_200 });
    expect(limitInput(wish({ rates: { up: 'none' }, at: 'sat,sun' }))).to.deep.equal({ up: 0, at: 'sat,sun' });
    expect(limitInput(wish({ rates: { down: '1M' }, transfer: 'a.bin' }))).to.deep.equal({
      down: 1_048_576,
      transfer: 'a.bin',
    });
  });

  it('says how to quote a time that was taken for the name of a download', () => {
    const unquoted = wish({ rates: { down: '300K' }, at: 'mon-fri', transfer: '08:00-18:00' });

    expect(() => limitInput(unquoted)).to.throw(
      'One download has no times. Quote a time with a space: --at "mon-fri 08:00-18:00"',
    );
    expect(() => limitInput(wish({ rates: { up: '1M' }, transfer: 'a.bin' }))).to.throw('For one download say --down');
  });

  it('says what a rate without a flag could be meant for', () => {
    expect(() => limitInput(wish({ rates: {}, transfer: '30M' }))).to.throw(
      'Say what 30M is for: --down 30M for all that is received, --up 30M for all that is sent.',
    );
    expect(() => limitInput(wish({ rates: {}, transfer: '30M.bin' }))).to.throw('For one download say --down');
  });
});

describe('limitsLayout', () => {
  it('says first what holds for the one download that was asked about', () => {
    const limits = { now: { down: 102_400 }, always: { down: 102_400 }, schedule: [] };

    expect(lines({ ...limits, download: { name: 'a.bin', limitBytesPerSecond: 51_200 } })).to.deep.equal([
      'a.bin: receiving 50.0 KiB/s',
      'Limits: receiving 100.0 KiB/s',
    ]);
    expect(lines({ ...limits, download: { name: 'a.bin' } })[0]).to.equal('a.bin: no limit of its own');
    expect(lines(limits)).to.have.lengthOf(1);
  });
});

function lines(view: LimitsView): string[] {
  const listing = limitsLayout(view)(80);
  return Array.from({ length: listing.length }, (_, index) =>
    listing
      .at(index)
      .map(({ text }) => text)
      .join(''),
  );
}

function wish({ rates, ...rest }: Partial<LimitWish> & { readonly rates: Record<string, string> }): LimitWish {
  return {
    transfer: undefined,
    at: undefined,
    remove: false,
    ...rest,
    rateOf: (flag) => rates[flag.slice('--'.length)],
  };
}
