import { expect } from 'chai';
import { runCli } from '../support/program.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { openTerminal, type Terminal } from '../support/terminal.js';

describe('the password prompt of shoal user', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  const add = (): Promise<Terminal> => openTerminal(['user', 'add', 'zoe', '--data', dir.join('data')], { stty: true });
  const users = async (): Promise<string> => (await runCli(['user', 'list', '--data', dir.join('data')])).stdout;

  it('asks twice, shows nothing of it, and leaves the terminal as it was', async () => {
    await using terminal = await add();
    await terminal.waitForText('New password for zoe:');
    terminal.type('hiddx\x7fen-canary\r');
    await terminal.waitForText('Once more:');
    terminal.type('hidden-canary\r');

    expect((await terminal.waitForExit()).code).to.equal(0);
    expect(terminal.recording.text).not.to.contain('canary');
    const { before, after } = await terminal.stty();
    expect(after).to.equal(before);
    expect(await users()).to.equal('zoe: 0 publications\n');
  });

  for (const [what, keys, code] of [
    ['two different passwords', ['one\r', 'two\r'], 1],
    ['Ctrl-C', ['one\x03'], 130],
  ] as const) {
    it(`changes nothing after ${what}`, async () => {
      await using terminal = await add();
      for (const [index, text] of keys.entries()) {
        await terminal.waitForText(index === 0 ? 'New password for zoe:' : 'Once more:');
        terminal.type(text);
      }

      expect((await terminal.waitForExit()).code).to.equal(code);
      expect(terminal.screen().join(' ')).to.contain('Nothing was changed.');
      expect(await users()).to.match(/^No users/);
    });
  }
});
