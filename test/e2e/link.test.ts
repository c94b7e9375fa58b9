import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { serverTlsOptions } from '../../common/wire/pinned-tls.js';
import type { MadeLink } from '../../peer/api.js';
import type { ServeHandle } from '../support/program.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { linkOf, resultOf } from './json-results.js';
import { inShell } from './shell.js';
import { inWorld, World } from './world.js';

const SIZE = 3 * 1024 * 1024 + 17;
/** curl: the server's key is not the pinned one. */
const CURL_WRONG_PIN = 90;

describe('links, fetched by curl and wget', () => {
  let world: World;
  let alice: ServeHandle;
  let path: string;
  let cwd: string;
  let link: MadeLink;

  before(async () => {
    world = await World.open();
    alice = await world.serve('alice');
    path = await world.file('alice', 'talk.bin', SIZE);
    await world.publish('alice', path);
    cwd = world.path('curl');
    await inShell(`mkdir -p ${cwd}`, '/');
  });

  after(async () => {
    await world.end();
  });

  beforeEach(async () => {
    link = linkOf(await alice.run(['link', 'talk.bin', '--json']));
  });

  it('downloads by the printed curl line, which pins the key', async () => {
    expect(link.curl).to.match(/--pinnedpubkey '?sha256\/\//);

    const done = await inShell(withOutput(link.curl, 'all.bin'), cwd);

    expect(done.code, done.stderr).to.equal(0);
    expect(await sameBytes(path, join(cwd, 'all.bin'))).to.equal(true);
  });

  it('resumes where an earlier download stopped', async () => {
    const whole = await readFile(path);
    await writeFile(join(cwd, 'half.bin'), whole.subarray(0, 1_000_001));

    const done = await inShell(`${withOutput(link.curl, 'half.bin')} -C - -w '%{http_code} %{size_download}'`, cwd);

    expect(done.code, done.stderr).to.equal(0);
    expect(done.stdout).to.equal(`206 ${SIZE - 1_000_001}`);
    expect(await sameBytes(path, join(cwd, 'half.bin'))).to.equal(true);
  });

  it(
    'resumes after the serving peer was killed in the middle and started again on the same port',
    inWorld({ users: ['alice'], ram: true }, async (own) => {
      const big = await own.file('alice', 'big.bin', 48 * 1024 * 1024);
      let serving = await own.serve('alice');
      await own.publish('alice', big);
      const { curl } = linkOf(await serving.run(['link', 'big.bin', '--json']));
      const folder = own.path();
      const slow = `${withOutput(curl, 'cut.bin')} --limit-rate 4M & curl=$!; sleep 1; kill -9 ${serving.process.pid}; wait $curl`;

      const cut = await inShell(slow, folder);
      const { size } = await stat(own.path('cut.bin'));
      serving = await own.serve('alice', { port: serving.port });
      const done = await inShell(`${withOutput(curl, 'cut.bin')} -C - -w '%{size_download}'`, folder);

      print(`link cut after ${size} bytes, the second curl fetched ${done.stdout}`);
      expect(cut.code, 'the first was cut').not.to.equal(0);
      expect(done.code, done.stderr).to.equal(0);
      expect(Number(done.stdout)).to.equal(48 * 1024 * 1024 - size);
      expect(await sameBytes(big, own.path('cut.bin'))).to.equal(true);
    }),
  );

  it('downloads by the printed wget line', async () => {
    const done = await inShell(`mkdir -p w && cd w && ${link.wget} -q`, cwd);

    const [name = ''] = (await inShell('ls w', cwd)).stdout.trim().split('\n');
    expect(done.code, done.stderr).to.equal(0);
    expect(await sameBytes(path, join(cwd, 'w', name))).to.equal(true);
  });

  it('gives a stranger with another key not one byte of the request', async () => {
    await using stranger = await Stranger.start(world.path('stranger.pem'));
    const line = link.curl.replaceAll(`:${alice.port}`, `:${stranger.port}`);
    expect(line).not.to.equal(link.curl);

    const done = await inShell(withOutput(line, 'none.bin'), cwd);

    process.stdout.write(
      `      curl against another key: exit ${done.code}, ${stranger.receivedBytes} application bytes arrived\n`,
    );
    expect(done.code).to.equal(CURL_WRONG_PIN);
    expect(stranger.connections).to.equal(1);
    expect(stranger.receivedBytes).to.equal(0);
  });

  it('answers 401 without a token, 403 to a token for another file, 404 to an unknown one, 416 to a range beyond the end', async () => {
    const other = await world.file('alice', 'other.bin', 100, 9);
    const otherId = await world.publish('alice', other);

    expect(await status(link.url.replace(/\?.*$/, ''))).to.equal('401');
    expect(await status(`${link.url}x`)).to.equal('401');
    expect(await status(link.url.replace(link.fileId, otherId))).to.equal('403');
    expect(await status(link.url.replace('/files/', '/other/'))).to.equal('404');
    expect(await status(link.url, `-H 'Range: bytes=${SIZE}-'`)).to.equal('416');
    expect(await status(link.url, '-I')).to.equal('200');
  });

  it('ends with unlink and with its time, and says 410 then', async () => {
    const short = linkOf(await alice.run(['link', 'talk.bin', '--expires', '1s', '--json']));
    await alice.run(['unlink', link.linkId]);

    expect(await status(link.url)).to.equal('410');
    await waitFor(async () => (await status(short.url)) === '410', { what: 'the link of one second to end' });
    const { links } = resultOf<{ links: { linkId: string; revokedAt?: number }[] }>(
      await alice.run(['links', '--json']),
    );
    expect(links.find(({ linkId }) => linkId === link.linkId)).to.have.property('revokedAt');
  });

  it('never writes the token to the log or to any file but the one of links', async () => {
    const token = new URL(link.url).searchParams.get('token') ?? link.curl.match(/Bearer ([\w=-]+)/)?.[1] ?? '';
    expect(token).to.have.length.above(50);

    const found = await inShell(
      `grep -rlF -- '${token}' ${world.place('alice').data} ${world.place('alice').home} || true`,
      cwd,
    );

    expect(found.stdout).to.equal('');
    expect(alice.process.stdoutText + alice.process.stderrText).not.to.include(token);
  });

  async function status(url: string, more = ''): Promise<string> {
    const done = await inShell(`curl -sk -o /dev/null -w '%{http_code}' ${more} '${url}'`, cwd);
    return done.stdout;
  }
});

/** The printed line may name a file of its own; here it goes where the test wants it. */
function withOutput(line: string, name: string): string {
  const plain = line
    .replace(/ -o '?[^' ]+'?/, '')
    .replace(/ -O\b/, '')
    .replace(/ -J\b/, '');
  return `${plain} -sS -o ${name}`;
}

/** A TLS server with a key of its own that counts what it is told. */
class Stranger implements AsyncDisposable {
  connections = 0;
  receivedBytes = 0;
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(keyPath: string): Promise<Stranger> {
    const identity = await loadOrCreateIdentity(keyPath, { commonName: 'stranger' });
    const stranger = new Stranger(createServer(serverTlsOptions(identity, ['http/1.1'])));
    stranger.#server.on('secureConnection', (socket: TLSSocket) => stranger.#accept(socket));
    stranger.#server.on('tlsClientError', () => undefined); // it hangs up in the handshake
    stranger.#server.listen(0, '127.0.0.1');
    await once(stranger.#server, 'listening');
    return stranger;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: TLSSocket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // reset by the one who noticed
    socket.on('data', (bytes: Buffer) => {
      this.receivedBytes += bytes.length;
    });
  }
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
