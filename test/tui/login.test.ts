import { execFile } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Terminal } from '../support/terminal.js';
import { waitFor } from '../support/wait-for.js';
import { OTHER_PIN, PIN } from './fake-peer.js';
import { framesOf, LOGGED_IN, openFake } from './fake-terminal.js';

const TYPED = { tracker: '127.0.0.1:7465', user: 'alice' };

describe('login screen', () => {
  it('asks for tracker, user and password, and logs in', async () => {
    await using terminal = await openFake({});
    await terminal.waitForText('Tracker');

    terminal.type('127.0.0.1:7465\ralice\rsecret\r');

    await terminal.waitForText(/alice @ 127\.0\.0\.1:7465.*● online/);
  });

  it('goes straight in when everything is given', async () => {
    await using terminal = await openFake(LOGGED_IN);

    await terminal.waitForText('Welcome to Shoal, alice.');
  });

  it('never shows the password', async () => {
    await using terminal = await openFake({ ...TYPED, password: 'Xyzzy-77' });
    await terminal.waitForText('Password');

    terminal.type('Xyzzy-77');
    await terminal.waitForText('••••••••');
    terminal.press('enter');
    await terminal.waitForText('● online');

    expect(terminal.recording.text).to.not.contain('Xyzzy');
    // A frame holds only what changed, so every two letters next to each other are looked for as well.
    for (const pair of ['Xy', 'yz', 'zz', 'zy', 'y-', '-7', '77']) {
      for (const frame of framesOf(terminal)) expect(frame).to.not.contain(pair);
    }
  });

  it('does not echo a password that is typed before the screen is there', async () => {
    await using terminal = await openFake({ ...TYPED, password: 'Xyzzy-77' });
    await waitFor(() => isSilent(terminal), { what: 'the terminal to stop echoing' });

    terminal.type('Xyzzy-77\r');
    await terminal.waitForText('● online');

    expect(terminal.recording.text).to.not.contain('Xyzzy-77');
  });

  it('comes back to an empty password when it was wrong', async () => {
    await using terminal = await openFake(TYPED);
    await terminal.waitForText('Password');

    terminal.type('guess\r');
    await terminal.waitForText('Wrong user or password');
    await terminal.waitForText(/Password\s*$/m);
    terminal.type('secret\r');

    await terminal.waitForText('● online');
  });

  it('shows the fingerprint at the first contact and asks', async () => {
    await using terminal = await openFake({ ...LOGGED_IN, trust: 'new' });
    await terminal.waitForText('First contact');

    await terminal.waitForText(PIN);
    terminal.type('perhaps\r');
    await terminal.waitForText('Please type yes, no or the fingerprint.');
    terminal.type('yes\r');

    await terminal.waitForText('● online');
  });

  it('sends nothing when the answer is no', async () => {
    await using terminal = await openFake({ ...LOGGED_IN, trust: 'new' });
    await terminal.waitForText('Trust it?');

    terminal.type('no\r');

    await terminal.waitForText('Not trusted: nothing was sent');
    await terminal.waitForNoText(/● online/);
  });

  it('refuses a changed identity with both pins and the way out', async () => {
    await using terminal = await openFake({ ...LOGGED_IN, trust: 'changed' });

    await terminal.waitForText('HAS CHANGED');

    const screen = terminal.screen().join('\n');
    expect(screen).to.contain(PIN).and.contain(OTHER_PIN).and.contain('shoal trust forget 127.0.0.1:7465');
  });

  it('waits for a tracker that is not there yet and logs in by itself', async () => {
    await using terminal = await openFake({ ...LOGGED_IN, unreachableTries: 8 });

    await terminal.waitForText('Tracker not responding. Trying again by itself');

    await terminal.waitForText('● online');
  });

  it('asks for trust when the tracker came while it waited', async () => {
    await using terminal = await openFake({ ...LOGGED_IN, unreachableTries: 3, trust: 'new' });

    await terminal.waitForText('Trust it?');
    terminal.type(`${PIN}\r`);

    await terminal.waitForText('● online');
  });

  it('lets the user edit while it waits', async () => {
    await using terminal = await openFake({ ...LOGGED_IN, unreachableTries: 10_000 });
    await terminal.waitForText('Trying again by itself');

    terminal.press('escape');
    await terminal.waitForNoText(/Trying again/);
    terminal.press('ctrl-u');
    terminal.type('other:1');

    await terminal.waitForText(/Tracker +other:1/);
  });

  it('works in 40 columns', async () => {
    await using terminal = await openFake({ ...LOGGED_IN, trust: 'new' }, { cols: 40, rows: 16 });

    await terminal.waitForText(PIN.slice(0, 30));
    await terminal.waitForText('Trust it? (yes/no)');
  });

  it('draws its first frame within 400 ms', async () => {
    let fastest = Infinity;
    // Other work on this computer may slow one start down, or two.
    for (let run = 0; run < 6 && fastest >= 400; run += 1) {
      await using terminal = await openFake({});
      await terminal.waitForText('Password');
      fastest = Math.min(fastest, terminal.recording.timesOf(/Tracker/)[0] ?? Infinity);
    }

    expect(fastest).to.be.below(400);
  });
});

/** Whether the terminal shows nothing of what is typed. */
async function isSilent(terminal: Terminal): Promise<boolean> {
  const device = await readlink(`/proc/${await terminal.programPid()}/fd/0`);
  if (device === '/dev/null') return false; // the program does not run yet
  const { stdout } = await promisify(execFile)('stty', ['--file', device, '--all']);
  return /(^|\s)-echo(\s|;)/.test(stdout);
}
