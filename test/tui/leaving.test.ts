import { expect } from 'chai';
import type { Terminal } from '../support/terminal.js';
import { enter, LOGGED_IN, openFake, openMain } from './fake-terminal.js';

async function expectAsBefore(terminal: Terminal): Promise<void> {
  const { before, after } = await terminal.stty();
  const { text } = terminal.recording;
  expect(after).to.equal(before);
  expect(terminal.isAlternateScreen).to.equal(false);
  expect(terminal.isCursorVisible).to.equal(true);
  expect(text.lastIndexOf('\x1b[?2004l')).to.be.at.least(text.lastIndexOf('\x1b[?2004h'));
}

describe('leaving the terminal interface', () => {
  const WAYS: readonly (readonly [string, number, (terminal: Terminal) => unknown])[] = [
    ['xit', 0, (terminal) => enter(terminal, 'xit')],
    ['quit', 0, (terminal) => enter(terminal, 'quit')],
    ['Ctrl-C', 0, (terminal) => terminal.press('ctrl-c')],
    ['Ctrl-D', 0, (terminal) => terminal.press('ctrl-d')],
    ['SIGTERM', 130, (terminal) => terminal.kill('SIGTERM')],
    ['SIGHUP', 130, (terminal) => terminal.kill('SIGHUP')],
  ];
  for (const [way, code, leave] of WAYS) {
    it(`leaves the terminal as it was on ${way}`, async () => {
      await using terminal = await openMain({}, { stty: true });

      await leave(terminal);

      expect(await terminal.waitForExit()).to.deep.equal({ code, signal: null });
      await expectAsBefore(terminal);
      expect(terminal.screen()).to.include('Logged out');
    });
  }

  for (const [when, crashAfterMs] of [
    ['while it runs', 800],
    ['while the screen is still being loaded', 20],
  ] as const) {
    it(`leaves the terminal as it was when the program crashes ${when}, and the error can be read`, async () => {
      await using terminal = await openFake({ ...LOGGED_IN, crashAfterMs }, { stty: true });

      expect(await terminal.waitForExit()).to.deep.equal({ code: 1, signal: null });

      await expectAsBefore(terminal);
      expect(terminal.screen().join('\n')).to.contain('Error: crashed on purpose');
    });
  }

  it('leaves the terminal as it was on Ctrl-C at the login', async () => {
    await using terminal = await openFake({}, { stty: true });
    await terminal.waitForText('Tracker');

    terminal.press('ctrl-c');

    expect((await terminal.waitForExit()).code).to.equal(0);
    await expectAsBefore(terminal);
  });

  it('stops a running command at the first Ctrl-C and leaves at the second', async () => {
    await using terminal = await openMain({ stuck: ['sch'] });
    enter(terminal, 'sch x');
    await terminal.waitForText('Running: sch x');

    terminal.press('ctrl-c');
    await terminal.waitForText('Stopped');
    await terminal.waitForNoText(/Running/);
    enter(terminal, 'sch y');
    await terminal.waitForText('Running: sch y');
    terminal.press('ctrl-c', 'ctrl-c');

    expect((await terminal.waitForExit()).code).to.equal(130);
  });

  it('says that a peer of another process goes on', async () => {
    await using terminal = await openMain({ attached: true });

    enter(terminal, 'xit');
    await terminal.waitForExit();

    expect(terminal.screen()).to.include('Detached; the peer of alice goes on');
  });
});
