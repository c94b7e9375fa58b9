import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { PeerError, type RateLimits } from '../../peer/api.js';
import { Limits } from '../../peer/rates/limits.js';
import { type TempDir, tempDir } from '../support/temp.js';

const MIB = 1024 * 1024;
/** A Monday, 07:00 local time. */
const MONDAY_7 = new Date(2030, 0, 7, 7).getTime();
const HOUR = 3_600_000;

describe('Limits', () => {
  let dir: TempDir;
  let clock: VirtualClock;
  let told: RateLimits[];

  beforeEach(async () => {
    dir = await tempDir();
    clock = new VirtualClock(MONDAY_7);
    told = [];
  });

  afterEach(() => dir[Symbol.asyncDispose]());

  const open = (base: RateLimits = {}): Promise<Limits> =>
    Limits.open({ base, stateDir: dir.path, onChange: (now) => told.push(now), clock });

  const codeOf = async (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'none',
      (error: unknown) => (error instanceof PeerError ? error.code : String(error)),
    );

  it('begins with the settings, and says so', async () => {
    const limits = await open({ up: MIB });

    expect(told).to.deep.equal([{ up: MIB }]);
    expect(limits.view()).to.deep.equal({ now: { up: MIB }, always: { up: MIB }, schedule: [] });
  });

  it('keeps what was changed over a restart, a limit that was taken away too', async () => {
    const limits = await open({ up: MIB });
    await limits.change({ rates: { up: 0, peerDown: 2 * MIB } });
    await limits.stop();
    told.length = 0;

    await open({ up: MIB });

    expect(told).to.deep.equal([{ peerDown: 2 * MIB }]);
  });

  it('changes the rates when the hours of a rule begin and end, and at the change of a wall clock', async () => {
    const limits = await open({ up: 10 * MIB });
    await limits.change({ rates: { up: MIB, down: 2 * MIB }, at: 'Mon-Fri 8-18' });
    expect(limits.view().schedule).to.deep.equal([
      { at: 'mon-fri 08:00-18:00', rates: { up: MIB, down: 2 * MIB }, isNow: false },
    ]);
    clock.advance(HOUR + 10_000);
    expect(told.at(-1)).to.deep.equal({ up: MIB, down: 2 * MIB });
    expect(limits.view().schedule[0]?.isNow).to.equal(true);
    clock.advance(10 * HOUR);
    expect(told.at(-1)).to.deep.equal({ up: 10 * MIB });
    clock.jumpWall(15 * HOUR);
    clock.advance(10_000);

    expect(told.at(-1)).to.deep.equal({ up: MIB, down: 2 * MIB });
    await limits.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  it('lets the later of two rules hold, and 0 in a rule take a limit away', async () => {
    const limits = await open();
    await limits.change({ rates: { up: MIB, down: MIB }, at: 'mon-sun' });
    await limits.change({ rates: { up: 0 }, at: '06:00-08:00' });

    expect(limits.view().now).to.deep.equal({ down: MIB });
    await limits.change({ rates: {}, at: '6-8', remove: true });
    expect(limits.view().now).to.deep.equal({ up: MIB, down: MIB });
    expect(JSON.parse(await readFile(dir.join('limits.json'), 'utf8'))).to.deep.equal({
      v: 1,
      changes: {},
      schedule: [{ at: 'mon-sun', rates: { up: MIB, down: MIB } }],
    });
  });

  it('refuses rates and hours that make no sense, and changes nothing', async () => {
    const limits = await open({ up: MIB });
    const wrong = [
      { rates: { up: 1 } },
      { rates: { down: -1 } },
      { rates: { up: 1e5 + 0.5 } },
      { rates: { up: MIB }, at: 'sometimes' },
      { rates: {}, at: 'mon' },
      { rates: {}, at: 'mon', remove: true },
    ];
    for (const change of wrong) expect(await codeOf(limits.change(change)), JSON.stringify(change)).to.equal('usage');

    expect(limits.view()).to.deep.equal({ now: { up: MIB }, always: { up: MIB }, schedule: [] });
  });

  it('keeps at most 32 rules', async () => {
    const limits = await open();
    for (let minute = 10; minute < 42; minute += 1)
      await limits.change({ rates: { up: MIB }, at: `08:${minute}-09:00` });

    expect(await codeOf(limits.change({ rates: { up: MIB }, at: '10:00-11:00' }))).to.equal('too-many');
  });

  for (const text of [
    '',
    'null',
    '[]',
    '{"v":1}',
    '{"v":2,"changes":{},"schedule":[]}',
    '{"v":1,"changes":{"up":-1},"schedule":[]}',
    '{"v":1,"changes":{},"schedule":[1,{"at":"x","rates":{}}]}',
    '\0',
  ]) {
    it(`goes by the settings when the file holds ${JSON.stringify(text)}`, async () => {
      await writeFile(dir.join('limits.json'), text);

      expect((await open({ up: MIB })).view()).to.deep.equal({ now: { up: MIB }, always: { up: MIB }, schedule: [] });
    });
  }
});
