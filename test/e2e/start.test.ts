import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { startTracker } from '../support/program.js';
import { projectRoot } from '../support/shoal-command.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { openTerminal, type Terminal } from '../support/terminal.js';
import {
  endTrackersOf,
  freePort,
  LOGIN_SCREEN_WITHIN_MS,
  logIn,
  sampleAccounts,
  trackersOf,
} from './started-trackers.js';

describe('npm start on a fresh computer', () => {
  let dir: TempDir;
  let port: number;

  beforeEach(async () => {
    dir = await tempDir();
    await mkdir(dir.join('home'));
    port = await freePort();
  });

  afterEach(async () => {
    await endTrackersOf(dir.path);
    await dir[Symbol.asyncDispose]();
  });

  it('shows the login screen, and two terminals log in as two users of the sample accounts', async () => {
    const [alice, bob] = await sampleAccounts();
    const startedAt = performance.now();
    await using first = await open();
    await first.waitForText(/Password/, { timeoutMs: LOGIN_SCREEN_WITHIN_MS });
    const frameMs = performance.now() - startedAt;
    await using second = await open();

    await logIn(first, alice!);
    await logIn(second, bob!);
    second.type('lap\r');
    await second.waitForText('1 active user:');

    await second.waitForText(new RegExp(`${alice!.user}\\s+0`));
    process.stdout.write(
      `      npm start: login screen after ${frameMs.toFixed(0)} ms with a tracker that had to be started\n`,
    );
    expect(await trackersOf(dir.path), 'one tracker for both').to.have.length(1);
    for (const terminal of [first, second]) terminal.type('xit\r');
    expect([(await first.waitForExit()).code, (await second.waitForExit()).code]).to.deep.equal([0, 0]);
  });

  it('says what to do when the port is taken by something else', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined).end('220 mail\r\n'));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');

    await using terminal = await open();
    const end = await terminal.waitForExit({ timeoutMs: 20_000 });
    server.close();

    expect(end.code).to.equal(1);
    expect(terminal.history().join(' ')).to.match(new RegExp(`Port ${port} of this computer is in use`));
    expect(await trackersOf(dir.path)).to.deep.equal([]);
  });

  async function open(): Promise<Terminal> {
    const command = [process.execPath, join(projectRoot(), 'bin', 'start.js')] as const;
    const terminal = await openTerminal([], { command, home: dir.join('home'), env: { PORT: String(port) } });
    return terminal;
  }
});

describe('a tracker that is to leave when idle', () => {
  it('ends by itself after the last session and its time, with exit code 0', async () => {
    await using tracker = await startTracker({ credentials: { alice: 'a' }, args: ['--exit-when-idle', '1s'] });

    const end = await tracker.process.waitForExit(15_000);

    expect(end).to.deep.equal({ code: 0, signal: null });
  });
});
