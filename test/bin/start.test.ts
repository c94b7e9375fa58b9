import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';

import { expect } from 'chai';

import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { type Outcome, StandInPackage } from './stand-in-package.js';

const PIN = 'ab'.repeat(32);

/** Tells what the terminal would be started with. */
const PEER = `export async function main(argv) { process.stdout.write(JSON.stringify(argv)); return 0; }`;

/** Listens, writes its pin and says so as the tracker does; a second one on the same data leaves at once. */
const TRACKER = `
import { appendFileSync, openSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
export function main(argv) {
  const option = (name) => argv[argv.indexOf(name) + 1];
  const data = option('--data');
  appendFileSync(data + '/starts', JSON.stringify({ argv, pid: process.pid }) + '\\n');
  try { openSync(data + '/taken', 'wx'); } catch { process.stderr.write('the data is in use\\n'); return 1; }
  const server = createServer((socket) => socket.on('error', () => {}).end('${PIN}'));
  return new Promise((resolve) => server.listen(Number(option('--port')), '127.0.0.1', () => {
    writeFileSync(data + '/pin', 'sha256:${PIN}\\n');
    const { port } = server.address();
    console.log(JSON.stringify({ event: 'listening', host: '127.0.0.1', port, pin: 'sha256:${PIN}' }));
  }));
}`;

/** Kills its tracker, tells so twice, and ends when there is one again. */
const LOSES_ITS_TRACKER = `
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { contactTracker } from './tracker-client/contact.js';
export async function main([, address], { onTrackerAway }) {
  const port = Number(address.split(/[:#]/)[1]);
  const data = process.env.HOME + '/.local/state/shoal/loopback-tracker';
  process.kill(JSON.parse(readFileSync(data + '/starts', 'utf8')).pid, 'SIGKILL');
  const isThere = () => contactTracker('127.0.0.1', port).then(() => true, () => false);
  while (await isThere()) await pause(10);
  rmSync(data + '/taken');
  onTrackerAway();
  onTrackerAway();
  while (!(await isThere())) await pause(10);
  return 0;
}`;

/** The real one does a TLS handshake. */
const CONTACT = `
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
export async function contactTracker(host, port) {
  const pin = await text(connect(port, host));
  if (!/^[0-9a-f]{64}$/.test(pin)) throw new Error('no tracker');
  return { pin: 'sha256:' + pin };
}`;

describe('bin/start.js', () => {
  let dir: TempDir;
  let data: string;
  let stand: StandInPackage;
  let servers: Server[];

  beforeEach(async () => {
    dir = await tempDir();
    data = dir.join('home/.local/state/shoal/loopback-tracker');
    stand = await StandInPackage.create(dir, { peer: PEER, tracker: TRACKER });
    await stand.addFile('dist/peer/tracker-client/contact.js', CONTACT);
    servers = [];
  });

  afterEach(async () => {
    for (const { pid } of starts()) await end(pid);
    for (const server of servers) server.close();
    await dir[Symbol.asyncDispose]();
  });

  function starts(): { readonly argv: readonly string[]; readonly pid: number }[] {
    try {
      const lines = readFileSync(`${data}/starts`, 'utf8').trim().split('\n');
      return lines.map((line) => JSON.parse(line) as { argv: string[]; pid: number });
    } catch {
      return []; // no tracker was started
    }
  }

  async function end(pid: number): Promise<void> {
    await waitFor(() => {
      try {
        return !process.kill(pid, 'SIGKILL');
      } catch {
        return true;
      }
    });
  }

  async function listen(answer: string): Promise<number> {
    const server = createServer((socket) => socket.on('error', () => socket.destroy()).end(answer));
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function freePort(): Promise<number> {
    const port = await listen('');
    const server = servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    return port;
  }

  function start(port: number): Promise<Outcome> {
    return stand.run('start.js', ['--no-color'], { env: { PORT: String(port) } });
  }

  it('starts a tracker that outlives it, and the terminal with its address and pin', async () => {
    const port = await freePort();

    const { stdout, code } = await start(port);

    expect(JSON.parse(stdout)).to.deep.equal(['--tracker', `127.0.0.1:${port}#sha256:${PIN}`, '--no-color']);
    expect(code).to.equal(0);
    const [{ argv, pid } = { argv: [], pid: 0 }] = starts();
    expect(argv.join(' ')).to.contain('tracker --json --exit-when-idle 5m --host 127.0.0.1');
    expect(argv).to.include(dir.join('credentials.txt'));
    expect(process.kill(pid, 0)).to.equal(true);
  });

  it('gives a second terminal the same tracker, and no reason to ask about trust', async () => {
    const port = await freePort();
    await start(port);

    const { stdout } = await start(port);

    expect(JSON.parse(stdout)).to.include(`127.0.0.1:${port}#sha256:${PIN}`);
    expect(starts()).to.have.length(1);
  });

  it('starts the tracker again when the terminal finds it gone, and once', async () => {
    await stand.addFile('dist/peer/main.js', LOSES_ITS_TRACKER);
    const port = await freePort();

    const { code, stderr } = await start(port);

    expect([code, stderr]).to.deep.equal([0, '']);
    expect(starts()).to.have.length(2);
  });

  it('starts no tracker for a terminal that names another', async () => {
    const { stdout } = await stand.run('start.js', ['--tracker=host:1']);

    expect(JSON.parse(stdout)).to.deep.equal(['--tracker=host:1']);
    expect(starts()).to.deep.equal([]);
  });

  it('gives two terminals that start together one tracker', async () => {
    const port = await freePort();

    const outcomes = await Promise.all([start(port), start(port)]);

    for (const { stdout } of outcomes) expect(JSON.parse(stdout)).to.include(`127.0.0.1:${port}#sha256:${PIN}`);
  });

  it('uses another Shoal tracker on the port, but leaves the question of trust to the user', async () => {
    const port = await listen('cd'.repeat(32));

    const { stdout } = await start(port);

    expect(JSON.parse(stdout)).to.include(`127.0.0.1:${port}`);
    expect(starts()).to.deep.equal([]);
  });

  it('says what to do when something else has the port', async () => {
    const port = await listen('HTTP/1.1 400 Bad Request\r\n\r\n');

    const { code, stdout, stderr } = await start(port);

    expect(stderr)
      .to.contain(`Port ${port}`)
      .and.contain(`PORT=${port + 1} npm start`);
    expect([code, stdout]).to.deep.equal([1, '']);
  });

  it('takes the port from .env in the project', async () => {
    const port = await freePort();
    await stand.addFile('.env', `PORT=${port}\n`);

    const { stdout } = await stand.run('start.js', []);

    expect(JSON.parse(stdout)).to.include(`127.0.0.1:${port}#sha256:${PIN}`);
  });

  it('refuses a .env whose port is none, without a stack trace', async () => {
    await stand.addFile('.env', 'PORT=http\n');

    const { code, stderr } = await stand.run('start.js', []);

    expect(stderr).to.match(/^PORT in .*\.env is "http", which is not a port from 0 to 65535\.\n$/);
    expect(code).to.equal(1);
  });

  it("repeats the tracker's own reason when it does not start", async () => {
    await stand.addFile(
      'dist/tracker/main.js',
      `export async function main() { console.error('the disk is full'); return 1; }`,
    );

    const { code, stderr } = await start(await freePort());

    expect(stderr).to.contain('did not start. the disk is full').and.contain('tracker.log');
    expect(code).to.equal(1);
  });

  it('says what is wrong when its folder cannot be made', async () => {
    await rm(dir.join('home'), { recursive: true, force: true });
    await mkdir(dir.join('home/.local/state'), { recursive: true });
    await stand.addFile('home/.local/state/shoal', 'a file');

    const { code, stderr } = await start(await freePort());

    expect(stderr).to.contain(dir.join('home/.local/state/shoal')).and.not.contain('    at ');
    expect(code).to.equal(1);
  });
});
