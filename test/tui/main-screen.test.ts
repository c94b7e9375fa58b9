import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { type TempDir, tempDir } from '../support/temp.js';
import { MOST_REDRAWS_SEEN_IN_ONE_SECOND, mostInOneSecond } from '../support/terminal.js';
import { enter, framesOf, LOGGED_IN, openFake, openMain } from './fake-terminal.js';

const HOSTILE = 'evil\x1b[2J\x1b]0;owned\x07\u202egnp.exe';

describe('main screen', () => {
  let folder: TempDir;

  beforeEach(async () => {
    folder = await tempDir();
    await Promise.all(['alpha.pdf', 'alphabet.pdf', 'my file.txt'].map((name) => writeFile(folder.join(name), 'x')));
  });

  afterEach(() => folder[Symbol.asyncDispose]());

  it('tells every outcome in plain words', async () => {
    await using terminal = await openMain({ found: [{ owner: 'bob' }], users: ['bob'] }, { cwd: folder.path });

    const TALK: readonly (readonly [string, string])[] = [
      ['lpf', 'No files published'],
      ['pub alpha.pdf', 'alpha.pdf published successfully'],
      ['lpf', '1 file published:'],
      ['pub alpha.pdf missing.txt', '1 file published, 1 file failed'],
      ['pub *.docx', 'No file or folder matches *.docx'],
      ['unp alpha.pdf', 'alpha.pdf unpublished successfully'],
      ['lap', '1 active user:'],
      ['sch nothing', 'No files found'],
      ['sch report', '1 file found:'],
      ['sources report.pdf', '1 source of report.pdf:'],
      ['get nothing.txt', 'File not found'],
      ['pbu x', 'Did you mean pub?'],
      ['doctor x', 'Not in this version yet'],
      ['status', 'Tracker fingerprint:'],
      ['h get', 'get NAME [--as NAME] [--force]'],
    ];
    for (const [line, outcome] of TALK) {
      enter(terminal, line);
      await terminal.waitForText(outcome);
    }
  });

  it('resolves patterns in the folder of the caller', async () => {
    await using terminal = await openMain({}, { cwd: folder.path });

    enter(terminal, 'pub alpha*.pdf "my file.txt"');

    await terminal.waitForText('3 files published');
    await terminal.waitForText('my file.txt published successfully');
  });

  it('moves the bar while the command line is free', async () => {
    await using terminal = await openMain({
      found: [{ owner: 'bob' }, { name: 'b.bin', owner: 'bob' }],
      getMs: 1_500,
      users: [],
    });

    enter(terminal, 'get report.pdf');
    enter(terminal, 'get b.bin');
    const percents = new Set<string>();
    await terminal.waitForText(/report\.pdf .*%[\s\S]*b\.bin .*%/);
    enter(terminal, 'lap');
    await terminal.waitForText('No active users');
    await terminal.waitUntil('the bar to move', () => {
      percents.add(/report\.pdf .*?(\d+)%/.exec(terminal.screen().join('\n'))?.[1] ?? '');
      return percents.size > 4;
    });
    await terminal.waitForText('report.pdf downloaded successfully');
    await terminal.waitForText('b.bin downloaded successfully');
  });

  it('shows how far the hashing for pub is', async () => {
    await using terminal = await openMain({ pubMs: 1_000 }, { cwd: folder.path });

    enter(terminal, 'pub alpha.pdf');

    await terminal.waitForText(/alpha\.pdf .*\[█+░+\] +\d+% +reading/);
    await terminal.waitForText('alpha.pdf published successfully');
  });

  it('stops a download on cancel', async () => {
    await using terminal = await openMain({ found: [{}], getMs: 60_000 });
    enter(terminal, 'get report.pdf');
    await terminal.waitForText(/report\.pdf .*%/);

    enter(terminal, 'cancel');

    await terminal.waitForText('report.pdf stopped');
  });

  it('lists the choices of an ambiguous name', async () => {
    await using terminal = await openMain({ found: [{ owner: 'bob' }, { owner: 'carol' }] });

    enter(terminal, 'get report.pdf');

    await terminal.waitForText('Ambiguous');
    await terminal.waitForText(/@bob\/report\.pdf[\s\S]*@carol\/report\.pdf/);
  });

  it('shows hostile names escaped, and lets no sequence through', async () => {
    await using terminal = await openMain({
      found: [{ name: HOSTILE, owner: 'mallory\x1b[31m' }],
      notices: [HOSTILE],
      getMs: 100,
    });

    enter(terminal, 'list');
    await terminal.waitForText('evil<U+001B>[2J<U+001B>]0;owned<U+0007><U+202E>gnp.exe');
    enter(terminal, 'get evil');
    await terminal.waitForText('File not found');

    expect(terminal.recording.text).to.not.match(/\x1b\]|\x07|\xe2\x80\xae/);
  });

  it('completes words, files, publications and names that were found', async () => {
    await using terminal = await openMain(
      { found: [{ name: 'quarterly report.pdf', owner: 'bob' }], mine: [{ name: 'minutes.txt' }] },
      { cwd: folder.path },
    );

    terminal.type('sou');
    terminal.press('tab');
    await terminal.waitForText('> sources');
    terminal.press('ctrl-u');
    terminal.type('pub al');
    terminal.press('tab');
    await terminal.waitForText('> pub alpha');
    terminal.press('tab');
    await terminal.waitForText(/alpha\.pdf {2}alphabet\.pdf/);
    terminal.press('ctrl-u');
    terminal.type('unp mi');
    terminal.press('tab');
    await terminal.waitForText('> unp minutes.txt');
    terminal.press('ctrl-u');
    enter(terminal, 'list');
    await terminal.waitForText('2 files found');
    terminal.type('get qu');
    terminal.press('tab');
    await terminal.waitForText("> get 'quarterly report.pdf'");
  });

  it('edits the line under the cursor and brings back older ones', async () => {
    await using terminal = await openMain();
    enter(terminal, 'lpf');
    await terminal.waitForText('No files published');

    terminal.type('ap');
    terminal.press('home');
    terminal.type('l');
    terminal.press('end', 'backspace', 'left', 'right');
    await terminal.waitForText(/> la$/m);
    expect(terminal.cursor.col).to.equal(4);
    terminal.press('up');
    await terminal.waitForText(/> lpf$/m);
    terminal.press('down');
    await terminal.waitForText(/> la$/m);
    terminal.type('p');
    terminal.press('enter');

    await terminal.waitForText('No active users');
  });

  it('scrolls through 10,000 rows page by page', async () => {
    await using terminal = await openMain({ manyRows: 10_000 });
    enter(terminal, 'list');
    await terminal.waitForText('10,000 files found:');

    for (let page = 0; page < 300; page += 1) terminal.press('page-down');
    await terminal.waitForText(/dataset-05\d\d\d\.csv/);
    for (let page = 0; page < 400; page += 1) terminal.press('page-up');
    await terminal.waitForText('10,000 files found:');
  });

  it('takes a pasted megabyte without a stall', async () => {
    await using terminal = await openMain();

    terminal.paste('lorem ipsum\n'.repeat(90_000));
    terminal.press('ctrl-u');
    enter(terminal, 'lpf');

    await terminal.waitForText('No files published', { timeoutMs: 5_000 });
  });

  it('takes a megabyte of lines without brackets, says what it ignores, and goes on', async () => {
    await using terminal = await openMain();

    terminal.type('nonsense\r'.repeat(110_000));
    await terminal.waitForText('later ones were ignored', { timeoutMs: 20_000 });
    terminal.press('enter');
    await terminal.waitUntil(
      'the flood to end',
      ({ recording }) => recording.nowMs - (recording.chunks.at(-1)?.atMs ?? 0) > 300,
      { timeoutMs: 20_000 },
    );
    enter(terminal, 'lpf');

    await terminal.waitForText('No files published');
  });

  it('draws a few times a second, in one write each, and never erases the display', async () => {
    await using terminal = await openMain({ noticeStorm: 2_000, manyRows: 500 });

    enter(terminal, 'list');
    await terminal.waitForText(/notice 0$/m, { timeoutMs: 20_000 });

    expect(mostInOneSecond(terminal.recording.timesOf(/\x1b\[\?2026h/))).to.be.within(
      2,
      MOST_REDRAWS_SEEN_IN_ONE_SECOND,
    );
    expect(terminal.recording.timesOf(/\x1b\[[23]J/)).to.deep.equal([]);
    const [, ...later] = framesOf(terminal);
    for (const frame of later) expect(frame).to.not.match(/\x1b\[0?J/);
    // Outside the frames nothing is written but the modes at the start.
    expect(terminal.recording.text.replaceAll(/\x1b\[\?2026h[\s\S]*?\x1b\[\?2026l/g, '')).to.equal('\x1b[?2004h');
  });

  for (const [cols, rows] of [
    [80, 24],
    [40, 16],
    [40, 10],
    [200, 60],
  ] as const) {
    it(`fits ${cols} × ${rows}`, async () => {
      await using terminal = await openMain(
        { found: [{ owner: 'bob' }], notices: ['one', 'two'], getMs: 60_000 },
        { cols, rows },
      );

      enter(terminal, 'get report.pdf');
      await terminal.waitForText(/report\.pdf .*%/);
      enter(terminal, 'sch report');
      await terminal.waitForText('1 file found:');

      expect(terminal.screen()[rows - 1]).to.equal('');
      expect(terminal.screen()[terminal.cursor.row]).to.equal('>');
    });
  }

  it('follows every size of the window, down to a single cell', async () => {
    await using terminal = await openMain({ manyRows: 300 });
    enter(terminal, 'list');
    await terminal.waitForText('300 files found:');

    for (const [cols, rows] of [
      [60, 12],
      [1, 1],
      [100, 30],
      [2, 3],
      [80, 3],
      [1, 24],
      [120, 24],
    ] as const) {
      const whole = (): string[] => framesOf(terminal).filter((frame) => frame.startsWith('\x1b[H'));
      const before = whole().length;
      terminal.resize(cols, rows);
      await terminal.waitUntil(`a whole frame of ${cols} × ${rows}`, () => {
        const lines = whole()
          .slice(before)
          .map((frame) => frame.split('\n').length);
        return lines.includes(Math.max(1, rows));
      });
    }
    await terminal.waitForText('300 files found:');
    await terminal.waitForText(/^>$/m);

    expect(terminal.recording.timesOf(/\x1b\[[23]J/)).to.deep.equal([]);
  });

  it('uses no colours with NO_COLOR', async () => {
    await using terminal = await openMain({ found: [{}] }, { env: { NO_COLOR: '1' } });

    enter(terminal, 'list');
    enter(terminal, 'nonsense');
    await terminal.waitForText('Unknown word');

    expect(terminal.recording.text).to.not.match(/\x1b\[(?:[34]\d|9\d|10\d|2)(?:;\d+)*m/);
  });

  it('counts down to the next try while the tracker is away', async () => {
    const connection = {
      kind: 'waiting',
      problem: { code: 'tracker-unreachable', message: '' },
      retryAt: Date.now() + 30_000,
    } as const;
    await using terminal = await openFake({ ...LOGGED_IN, connection });

    const first = Number((await terminal.waitForText(/retry in (\d+)s/))[1]);
    await terminal.waitUntil('the next second', () => !terminal.screen().join('\n').includes(`retry in ${first}s`));
  });
});
