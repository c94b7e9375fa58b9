import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { adoptProcess } from '../support/leftovers.js';
import { isRunning } from '../support/proc.js';
import { startTracker } from '../support/program.js';
import { projectRoot } from '../support/shoal-command.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { openTerminal, type Terminal } from '../support/terminal.js';
import { waitFor } from '../support/wait-for.js';

/** Generous: a first start on a busy machine with two cores. The figure itself is printed and measured elsewhere. */
const LOGIN_SCREEN_WITHIN_MS = 20_000;

describe('npm start on a fresh computer', function () {
  this.timeout(60_000);
  let dir: TempDir;
  let port: number;
  let trackers: Set<number>;

  beforeEach(async () => {
    dir = await tempDir();
    await mkdir(dir.join('home'));
    port = await freePort();
    trackers = new Set();
  });

  afterEach(async () => {
    for (const pid of await trackersHere()) trackers.add(pid);
    for (const pid of trackers) await end(pid);
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
    expect(await trackersHere(), 'one tracker for both').to.have.length(1);
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
    expect(await trackersHere()).to.deep.equal([]);
  });

  async function open(): Promise<Terminal> {
    const command = [process.execPath, join(projectRoot(), 'bin', 'start.js')] as const;
    const terminal = await openTerminal([], { command, home: dir.join('home'), env: { PORT: String(port) } });
    return terminal;
  }

  async function trackersHere(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const found: number[] = [];
    for (const pid of pids) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (!line.includes('\0tracker\0') || !line.includes(dir.path)) continue;
      await adoptProcess(pid, 'the tracker behind npm start');
      found.push(pid);
    }
    return found;
  }
});

describe('a tracker that is to leave when idle', function () {
  this.timeout(30_000);

  it('ends by itself after the last session and its time, with exit code 0', async () => {
    await using tracker = await startTracker({ credentials: { alice: 'a' }, args: ['--exit-when-idle', '1s'] });

    const end = await tracker.process.waitForExit(15_000);

    expect(end).to.deep.equal({ code: 0, signal: null });
  });
});

interface Account {
  readonly user: string;
  readonly password: string;
}

async function sampleAccounts(): Promise<Account[]> {
  const lines = (await readFile(join(projectRoot(), 'credentials.txt'), 'utf8')).split('\n');
  return lines.flatMap((line) => {
    const [, user, password] = /^([^#\s]\S*) (.+)$/.exec(line) ?? [];
    return user === undefined || password === undefined ? [] : [{ user, password }];
  });
}

async function logIn(terminal: Terminal, { user, password }: Account): Promise<void> {
  await terminal.waitForText(/User/, { timeoutMs: LOGIN_SCREEN_WITHIN_MS });
  terminal.type(`${user}\r`);
  await terminal.waitForText(new RegExp(`User\\s+${user}`));
  terminal.type(`${password}\r`);
  await terminal.waitForText(`Welcome to Shoal, ${user}.`, { timeoutMs: 20_000 });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function end(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: it ended by itself
  }
  await waitFor(async () => !(await isRunning(pid)), { what: `tracker ${pid} to end` });
}
