import { expect } from 'chai';
import { FAKE_PIN } from '../daemon/fake-peer.js';
import { type TempDir, tempDir } from '../support/temp.js';
import {
  MOST_REDRAWS_SEEN_IN_ONE_SECOND,
  mostInOneSecond,
  openTerminal,
  type TerminalOptions,
} from '../support/terminal.js';
import { FAKE_COMMAND, TRACKER } from './fake-shoal.js';

describe('shoal in a terminal', () => {
  let dir: TempDir;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(() => dir[Symbol.asyncDispose]());

  const open = (args: readonly string[], more: TerminalOptions = {}) =>
    openTerminal([...args, '--data', dir.join('data')], { command: FAKE_COMMAND, stty: true, ...more });
  const ANA = ['--tracker', `${TRACKER}#${FAKE_PIN}`, '--user', 'ana'];
  const PASSWORD = { env: { SHOAL_PASSWORD: 'secret' } };

  it('asks for user, trust and password, and never shows the password', async () => {
    await using terminal = await open(['lpf', '--tracker', TRACKER]);
    await terminal.waitForText('User:');
    terminal.type('anx');
    terminal.press('backspace');
    terminal.type('a\r');
    await terminal.waitForText('Trust this tracker? [y/N]');
    expect(terminal.screen().join('')).to.contain(FAKE_PIN);
    terminal.type('y\r');
    await terminal.waitForText('Password of ana at 127.0.0.1:7465:');
    terminal.type('secret\r');

    expect((await terminal.waitForExit()).code).to.equal(0);

    expect(terminal.screen().join('\n')).to.contain('2 files published:');
    expect(terminal.recording.text).to.not.contain('secret');
    const { before, after } = await terminal.stty();
    expect(after).to.equal(before);
  });

  it('asks for the passcode of what is locked, again when it was wrong, and never shows it', async () => {
    await using terminal = await open(['get', 'locked', ...ANA, '--downloads', dir.path], PASSWORD);
    await terminal.waitForText('Passcode of locked:');
    terminal.type('guess\r');
    await terminal.waitForText('Wrong. Passcode of locked:');
    terminal.type('sesame\r');

    expect((await terminal.waitForExit()).code).to.equal(0);

    for (const secret of ['guess', 'sesame']) expect(terminal.recording.text).to.not.contain(secret);
  });

  it('asks twice for a passcode that is to be set', async () => {
    await using terminal = await open(['rights', 'plan.pdf', '--passcode', ...ANA], PASSWORD);
    await terminal.waitForText('New passcode:');
    terminal.type('sesame\r');
    await terminal.waitForText('The same again:');
    terminal.type('sesame\r');

    expect((await terminal.waitForExit()).code).to.equal(0);
    expect(terminal.screen().join('\n')).to.contain('plan.pdf has a passcode');
    expect(terminal.recording.text).to.not.contain('sesame');
  });

  it('trusts nobody without a yes', async () => {
    await using terminal = await open(['lpf', '--tracker', TRACKER, '--user', 'ana'], PASSWORD);
    await terminal.waitForText('Trust this tracker?');
    terminal.type('\r');

    expect((await terminal.waitForExit()).code).to.equal(3);
  });

  it('ends at Ctrl-C in a question, with the terminal as it was', async () => {
    await using terminal = await open(['lpf', ...ANA]);
    await terminal.waitForText('Password of ana');
    terminal.type('half');
    terminal.press('ctrl-c');

    expect((await terminal.waitForExit()).code).to.equal(130);
    expect(terminal.screen().join('\n')).to.contain('Stopped before lpf was done.');
    const { before, after } = await terminal.stty();
    expect(after).to.equal(before);
  });

  it('redraws one line in place, at most ten times a second, and takes it away at the end', async () => {
    await using terminal = await open(['get', 'endless', ...ANA, '--downloads', dir.path], { ...PASSWORD, cols: 60 });
    await terminal.waitForText(/endless .*\d+%/);
    await terminal.waitForText(/99%/);
    const drawn = terminal.history().filter((line) => line.includes('%'));
    terminal.press('ctrl-c');

    expect((await terminal.waitForExit()).code).to.equal(130);

    expect(drawn).to.have.length(1);
    expect(terminal.history().filter((line) => line.includes('99%'))).to.have.length(0);
    expect(terminal.screen().join(''))
      .to.match(/of endless\s*are kept in/)
      .and.to.contain(dir.path);
    expect(mostInOneSecond(terminal.recording.timesOf('%'))).to.be.at.most(MOST_REDRAWS_SEEN_IN_ONE_SECOND);
  });

  it('uses colour, but not under NO_COLOR', async () => {
    await using colourful = await open(['get', 'code-not-found', ...ANA], PASSWORD);
    await colourful.waitForExit();
    await using plain = await open(['get', 'code-not-found', ...ANA], {
      env: { SHOAL_PASSWORD: 'secret', NO_COLOR: '1' },
    });
    await plain.waitForExit();

    expect(colourful.recording.text).to.contain('\x1b[31m');
    expect(plain.recording.text).to.not.contain('\x1b[');
  });

  it('sends no escape code to a terminal that knows none', async () => {
    const command = ['env', 'TERM=dumb', ...FAKE_COMMAND] as const;
    await using terminal = await open(['get', 'some', ...ANA, '--downloads', dir.path], { ...PASSWORD, command });
    await terminal.waitForExit();

    expect(terminal.screen().join('\n')).to.contain('some downloaded successfully');
    expect(terminal.recording.text).to.not.contain('\x1b');
  });
});
