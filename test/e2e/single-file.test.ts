import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { runCli, startServe, startTracker } from '../support/program.js';
import { projectRoot } from '../support/shoal-command.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { openTerminal } from '../support/terminal.js';
import {
  endTrackersOf,
  freePort,
  LOGIN_SCREEN_WITHIN_MS,
  logIn,
  sampleAccounts,
  trackersOf,
} from './started-trackers.js';

/** No Node to be found, and settings for one that must not matter. */
const WITHOUT_NODE = { PATH: '/nonexistent', NODE_OPTIONS: '--require /nonexistent' };

describe('the single executable file', function () {
  this.timeout(120_000);
  let built: TempDir;
  let dir: TempDir;
  let home: string;
  let command: readonly [string];

  before(async () => {
    built = await tempDir();
    const startedAt = performance.now();
    await promisify(execFile)(process.execPath, [join(projectRoot(), 'dist/tools/single-file.js'), built.path]);
    process.stdout.write(`      built after ${(performance.now() - startedAt).toFixed(0)} ms\n`);
    command = [built.join('shoal')];
  });
  after(() => built[Symbol.asyncDispose]());

  beforeEach(async () => {
    dir = await tempDir();
    home = dir.join('home');
    await mkdir(home);
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it('is all that a tracker and two peers need: a file and a folder arrive byte for byte, without any Node', async () => {
    const shared = { command, home, env: WITHOUT_NODE };
    const content = randomBytes(3 * 1024 * 1024 + 1);
    await mkdir(dir.join('folder'));
    for (const path of ['one.bin', 'folder/small.bin']) await writeFile(dir.join(path), content);
    await using tracker = await startTracker({ ...shared, credentials: { alice: 'a', bob: 'b' } });
    await using alice = await startServe({ ...shared, tracker, user: 'alice', password: 'a' });
    const bob = {
      ...shared,
      tracker,
      user: 'bob',
      password: 'b',
      data: dir.join('bob'),
      downloads: dir.join('downloads'),
    };

    const published = await alice.run(['pub', dir.join('one.bin'), dir.join('folder')], { command });
    const fetched = [await runCli(['get', 'one.bin'], bob), await runCli(['get', 'folder'], bob)];

    expect([published.code, ...fetched.map(({ code }) => code)], published.stderr).to.deep.equal([0, 0, 0]);
    for (const path of ['one.bin', 'folder/small.bin']) {
      expect(content.equals(await readFile(join(bob.downloads, path))), path).to.equal(true);
    }
    expect(tracker.process.stderrText).to.equal('');
  });

  it('starts a tracker with the sample accounts from itself, and shows the login screen', async () => {
    const [alice] = await sampleAccounts();
    const env = { ...WITHOUT_NODE, PORT: String(await freePort()) };
    try {
      await using terminal = await openTerminal(['start'], { command, home, env });
      await terminal.waitForText(/Password/, { timeoutMs: LOGIN_SCREEN_WITHIN_MS });

      await logIn(terminal, alice!);

      const programs = (await trackersOf(dir.path)).map((pid) => readlink(`/proc/${pid}/exe`));
      expect(await Promise.all(programs)).to.deep.equal(command);
      terminal.type('xit\r');
      expect((await terminal.waitForExit()).code).to.equal(0);
    } finally {
      await endTrackersOf(dir.path);
    }
  });

  it('keeps its native code where no other user can write, and takes it from there only unchanged', async () => {
    const own = { command, home, env: WITHOUT_NODE };
    const folder = join(home, '.local/state/shoal/native');
    const id = ['id', join(projectRoot(), 'LICENSE')];
    const before = await runCli(id, own);
    const [name = ''] = await readdir(folder);
    const native = await readFile(join(folder, name));
    await writeFile(join(folder, name), 'not what was written');

    const after = await runCli(id, own);

    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
    expect(native.equals(await readFile(join(folder, name)))).to.equal(true);
    expect([before.code, after.stdout]).to.deep.equal([0, before.stdout]);
  });
});
