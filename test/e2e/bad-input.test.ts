import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import { writeCredentials } from '../support/accounts.js';
import { type CliResult, runCli, type ServeHandle, startProgram } from '../support/program.js';
import { waitFor } from '../support/wait-for.js';
import { errorCodeOf, expectOneLine } from './json-results.js';
import { newId, type RawSession, randomFileId } from './raw-session.js';
import { inShell } from './shell.js';
import { World } from './world.js';

/** Names that would leave a folder, drive a terminal, or pass for another name. */
const HOSTILE_NAMES = [
  '',
  '.',
  '..',
  '../up',
  'a/b',
  '/etc/passwd',
  'a\\b',
  '..\\..\\x',
  'nul\0byte',
  'bell\x07',
  '\x1b[2Jclear',
  '\x9b31m',
  'line\nbreak',
  '\r',
  '\u202etxt.exe',
  'zero\u200bwidth',
  ' lead',
  'trail ',
  'e\u0301',
  '\ud800',
  'x'.repeat(256),
  '\u2028',
  '\ufeffbom',
  '\u{e0001}tag',
];

const NOISE: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'one zero': Buffer.alloc(1),
  'a megabyte of zeros': Buffer.alloc(1024 * 1024),
  'random bytes': randomBytes(4096),
  'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  'plain JSON': Buffer.from('{"v":1,"id":"a","type":"login"}\n'),
  'the start of a TLS handshake': Buffer.from('16030102000100', 'hex'),
};

/** After TLS, in the lane's own words. */
const BAD_LINES: Readonly<Record<string, string>> = {
  'no JSON': 'hello\n',
  'an empty line': '\n',
  'a number': '5\n',
  'an array': '[]\n',
  'no id': '{"v":1,"type":"heartbeat"}\n',
  'a deep value': `${'{"a":'.repeat(60)}1${'}'.repeat(60)}\n`,
  'a prototype': '{"v":1,"id":"a","type":"heartbeat","__proto__":{"ok":true}}\n',
  'not UTF-8': '{"v":1,"id":"\xff","type":"heartbeat"}\n',
  'a huge number': '{"v":1,"id":"a","type":"revocations","since":1e400}\n',
  'a line without an end': 'x'.repeat(2 * 1024 * 1024),
  'before login': '{"v":1,"id":"a","type":"lap"}\n{"v":1,"id":"b","type":"listPeers"}\n',
};

describe('bad input', function () {
  this.timeout(60_000);
  let world: World;
  let alice: ServeHandle;
  let cwd: string;
  let goodId: string;
  let observer: RawSession;

  before(async () => {
    world = await World.open();
    alice = await world.serve('alice');
    goodId = await world.publish('alice', await world.file('alice', 'good.bin', 1000));
    observer = await world.rawSession('bob');
    cwd = world.path('cwd');
    await mkdir(cwd);
  });

  after(async () => {
    observer[Symbol.dispose]();
    await world.end();
  });

  /** Everything is alive and does its work. */
  afterEach(async () => {
    expect(world.tracker.process.ended).to.equal(undefined);
    expect(alice.process.ended).to.equal(undefined);
    const found = await observer.request('search', { text: 'good.bin' });
    expect(found).to.have.nested.property('publications[0].sources', 1);
  });

  describe('names', () => {
    it(`refuses ${HOSTILE_NAMES.length} hostile names at the tracker, one by one and in bulk, and lists none of them`, async () => {
      using session = await world.rawSession('bob');

      const codes = new Set<string>();
      for (const name of HOSTILE_NAMES) {
        const reply = await session.request('publish', {
          entries: [{ name, fileId: randomFileId(), size: 1, kind: 'file' }],
        });
        const result = reply.ok ? reply.results[0] : { ok: false as const, error: reply.error };
        codes.add(result?.ok === false ? result.error.code : `accepted ${JSON.stringify(name)}`);
      }
      const listed = await session.request('listPublished', {});

      expect([...codes].toSorted()).to.deep.equal(['bad-message', 'bad-name']);
      expect(listed.ok && listed.publications).to.deep.equal([]);
    });

    it('refuses to publish a file with a hostile name, without showing it raw', async () => {
      const name = 'esc\x1b[31mred\u202e.bin';
      const path = join(world.place('alice').files, name);
      await writeFile(path, 'x');

      const done = await world.cli('alice', ['pub', path], { json: false });

      expect(done.code).to.equal(1);
      expect(done.stdout + done.stderr)
        .to.match(/Name not allowed/)
        .and.not.to.match(/[\x1b\u202e]/);
    });

    it('never leaves the download folder: --as with a path is refused', async () => {
      for (const as of ['../out.bin', '/tmp/out.bin', 'a/b', '..', '']) {
        const done = await world.cli('bob', ['get', 'good.bin', '--as', as, '--downloads', cwd], { json: false });
        expect(done.code, `--as ${JSON.stringify(as)}: ${done.stdout}`).to.be.oneOf([1, 2]);
        expectOneLine(done.stderr);
      }
      expect(await readdir(cwd)).to.deep.equal([]);
      expect(await readdir(world.path())).not.to.include('out.bin');
    });
  });

  describe('files', () => {
    it('says what is wrong with each path that cannot be published', async () => {
      const { files } = world.place('alice');
      const at = (name: string): string => join(files, name);
      await mkdir(at('folder'), { recursive: true });
      await inShell('mkfifo pipe; ln -s good.bin link.bin; ln -s nowhere dangling; ln -s loop loop', files);

      const missing = await plain(['pub', at('missing')]);
      const folder = await plain(['pub', at('folder')]);
      const pipe = await plain(['pub', at('pipe')]);
      const dangling = await plain(['pub', at('dangling')]);
      const loop = await plain(['pub', at('loop')]);
      const device = await plain(['pub', '/dev/zero']);

      expect(missing.stdout + missing.stderr).to.match(/File not found/);
      expect(folder.stdout + folder.stderr).to.match(/This is a folder/);
      for (const done of [missing, folder, pipe, dangling, loop, device]) {
        expect(done.code).to.be.oneOf([1, 4]);
        expectOneLine(done.stdout + done.stderr);
      }
    });

    it('says so when a file cannot be read', async () => {
      const path = await world.file('alice', 'secret.bin', 10);
      await chmod(path, 0);
      // Root reads everything: then only the wording of another unreadable thing can be seen.
      const isRoot = process.getuid?.() === 0;

      const done = await plain(['pub', isRoot ? '/proc/1/mem' : path]);
      await chmod(path, 0o600);

      expect(done.code).to.equal(1);
      expectOneLine(done.stdout + done.stderr);
    });

    it('says so when the download folder is a file, or cannot be made', async () => {
      await writeFile(join(cwd, 'not-a-folder'), 'x');

      const file = await world.cli('bob', ['get', 'good.bin'], { downloads: join(cwd, 'not-a-folder') });
      const below = await world.cli('bob', ['get', 'good.bin'], { downloads: join(cwd, 'not-a-folder', 'deeper') });

      expect([errorCodeOf(file), errorCodeOf(below)]).to.deep.equal(['unwritable', 'unwritable']);
      expectOneLine(file.stderr);
      expect(await readFile(join(cwd, 'not-a-folder'), 'utf8')).to.equal('x');
    });

    it('does not write through what stands in the place of the target: link, dangling link, folder, FIFO', async () => {
      const into = world.path('targets');
      await mkdir(join(into, 'd.bin'), { recursive: true });
      await writeFile(world.path('canary'), 'canary');
      await symlink(world.path('canary'), join(into, 'l.bin'));
      await symlink(world.path('nothing-here'), join(into, 'n.bin'));
      await inShell('mkfifo p.bin', into);

      for (const as of ['l.bin', 'n.bin', 'd.bin', 'p.bin']) {
        const done = await world.cli('bob', ['get', 'good.bin', '--as', as], { downloads: into });
        expect([done.code, errorCodeOf(done)], as).to.deep.equal([1, 'exists']);
      }
      expect(await readFile(world.path('canary'), 'utf8')).to.equal('canary');
      expect(await readdir(world.path())).not.to.include('nothing-here');
    });

    it('does not follow a link that stands in the place of the unfinished file', async () => {
      const into = world.path('parts');
      await mkdir(into);
      await writeFile(world.path('canary-2'), 'canary');
      await symlink(world.path('canary-2'), join(into, `.good.bin.${goodId.slice(0, 16)}.part`));

      const done = await world.cli('bob', ['get', 'good.bin'], { downloads: into });

      expect(await readFile(world.path('canary-2'), 'utf8')).to.equal('canary');
      expect(done.code, done.stderr).to.be.oneOf([0, 1]);
    });

    it('refuses what the disk has no room for before it fetches, and with a full disk stays whole', async function () {
      const small = world.path('small');
      await mkdir(small);
      const mounted = await inShell(`mount -t tmpfs -o size=1m tmpfs ${small}`, '/');
      if (mounted.code !== 0) return this.skip(); // only root may mount
      try {
        await world.publish('alice', await world.file('alice', 'two-mib.bin', 2 * 1024 * 1024));

        const done = await world.cli('bob', ['get', 'two-mib.bin'], { downloads: small });

        expect([done.code, errorCodeOf(done)]).to.deep.equal([1, 'disk-full']);
        expectOneLine(done.stderr);
        expect((await readdir(small)).filter((name) => !name.endsWith('.part'))).to.deep.equal([]);
      } finally {
        await inShell(`umount ${small}`, '/');
      }
    });
  });

  describe('settings', () => {
    it('refuses unknown settings with the nearest known one, wherever they stand', async () => {
      const data = world.path('bad-config');
      await mkdir(data);
      await writeFile(join(data, 'config.json'), '{"donwloads": "x"}');
      const file = await runCli(['lap'], { data });
      await writeFile(join(data, 'config.json'), '{not json');
      const broken = await runCli(['lap'], { data });
      const environment = await runCli(['lap'], { env: { SHOAL_TRAKCER: 'x:1' } });
      const port = await runCli(['lap', '--port', '99999'], {});

      expect(file.stderr).to.match(/"donwloads".*Did you mean downloads\?/);
      expect(environment.stderr).to.match(/SHOAL_TRAKCER.*SHOAL_TRACKER/);
      for (const done of [file, broken, environment, port]) {
        expect(done.code).to.equal(2);
        expectOneLine(done.stderr);
      }
    });

    it('refuses a broken trust file instead of trusting anybody anew, and leaves it as it is', async () => {
      const data = world.path('bad-trust');
      await mkdir(data);
      for (const text of ['{', '[]', '{"h:1": 5}', '{"h:1": "sha256:00"}']) {
        await writeFile(join(data, 'trust.json'), text);

        const done = await world.cli('bob', ['lap', '--trust-on-first-use'], {
          data,
          tracker: `${world.tracker.host}:${world.tracker.port}`,
        });

        expect([done.code, errorCodeOf(done)], text).to.deep.equal([2, 'bad-config']);
        expectOneLine(done.stderr);
        expect(await readFile(join(data, 'trust.json'), 'utf8')).to.equal(text);
      }
    });

    it('refuses bad tracker addresses and users before anything is sent', async () => {
      for (const tracker of ['', 'a:b:c', 'host:0', 'host:70000', 'host:1#sha256:12', 'ho st:1', 'host:1#']) {
        const done = await world.cli('bob', ['lap'], { tracker });
        expect(done.code, tracker).to.equal(2);
        expectOneLine(done.stderr);
      }
      for (const user of ['..', 'a/b', '-x', 'x'.repeat(65), 'a\nb']) {
        const done = await world.cli('bob', ['lap', `--user=${user}`], { user: undefined as never });
        expect(done.code, user).to.equal(2);
        expectOneLine(done.stderr);
      }
    });

    it('says which port is taken, at the tracker and at a peer', async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const port = String((server.address() as { port: number }).port);
      const credentials = await writeCredentials(world.path('t2-credentials'), { alice: 'a' });
      const words = ['tracker', '--port', port, '--data', world.path('t2'), '--credentials', credentials];
      await using tracker = await startProgram(words, {});
      const trackerEnd = await tracker.waitForExit();
      const peer = await world.cli('bob', ['serve', '--port', port]);
      server.close();

      expect(trackerEnd.code).to.equal(1);
      expect(tracker.stderrText).to.include(port);
      expectOneLine(tracker.stderrText);
      expect([peer.code, errorCodeOf(peer)]).to.deep.equal([1, 'port-in-use']);
      expect(peer.stderr).to.include(port);
    });

    it('refuses a second tracker on the same data, and one beyond loopback with sample passwords', async () => {
      const second = await startProgram(['tracker', '--port', '0', '--data', world.tracker.data], {
        home: world.path('t3-home'),
      });
      const secondEnd = await second.waitForExit();
      const { projectRoot } = await import('../support/shoal-command.js');
      const samples = join(projectRoot(), 'credentials.txt');
      const words = [
        'tracker',
        '--host',
        '0.0.0.0',
        '--port',
        '0',
        '--data',
        world.path('t4'),
        '--credentials',
        samples,
      ];
      const open = await startProgram(words, { home: world.path('t4-home') });
      const openEnd = await open.waitForExit(20_000);

      expect([secondEnd.code, openEnd.code]).to.deep.equal([1, 1]);
      expectOneLine(second.stderrText);
      expect(open.stderrText)
        .to.match(/alice/)
        .and.to.match(/sample password/);
      for (const program of [second, open]) await program[Symbol.asyncDispose]();
    });

    it('refuses a broken credentials file with the line, and starts nothing', async () => {
      const path = world.path('bad-credentials');
      await writeFile(path, 'alice secret\nno-password-here\n');
      await using tracker = await startProgram(
        ['tracker', '--port', '0', '--data', world.path('t5'), '--credentials', path],
        {},
      );

      const end = await tracker.waitForExit();

      expect(end.code).to.be.oneOf([1, 2]);
      expect(tracker.stderrText).to.match(/line 2/);
      expectOneLine(tracker.stderrText);
      expect(tracker.stderrText).not.to.include('secret');
    });
  });

  describe('noise on the ports', () => {
    for (const [what, bytes] of Object.entries(NOISE)) {
      it(`survives ${what} on the tracker's TCP and UDP port and on the file port`, async () => {
        await shout(world.tracker.port, bytes);
        await shout(alice.port, bytes);
        const replies = await sendDatagram(world.tracker.port, bytes.subarray(0, 1400));

        expect(replies, 'nobody unproven is answered').to.deep.equal([]);
      });
    }

    for (const [what, line] of Object.entries(BAD_LINES)) {
      it(`survives ${what} inside TLS, on the tracker and on the file port`, async () => {
        const identity = await loadOrCreateIdentity(world.path('stranger.pem'), { commonName: 'test' });
        const bytes = Buffer.from(line, 'latin1');

        const fromTracker = await tell({ ...world.tracker, alpn: 'shoal-tracker/1' }, bytes);
        const fromPeer = await tell({ ...alice, alpn: 'shoal-peer/1', identity }, bytes);

        expect(fromTracker.length, fromTracker).to.be.at.most(4096);
        expect(fromPeer.length, fromPeer).to.be.at.most(4096);
        expect(fromTracker + fromPeer).not.to.match(/"ok":true|"opened"|at .+:\d+:\d+/);
      });
    }

    it('sends no byte of a file to forged, foreign and missing tickets', async () => {
      const identity = await loadOrCreateIdentity(world.path('stranger.pem'), { commonName: 'test' });
      const tickets = [
        'eyJ2IjoxfQ.AAAA',
        `${Buffer.from('{"v":1}').toString('base64url')}.${randomBytes(64).toString('base64url')}`,
        '',
        '.',
        await foreignTicket(),
      ];
      for (const ticket of tickets) {
        const open = `${JSON.stringify({ id: 1, type: 'open', ticket })}\n${JSON.stringify({ id: 2, type: 'chunks', ticketId: newId().padEnd(21, 'x').slice(0, 21), first: 0, count: 1 })}\n`;

        const said = await tell({ ...alice, alpn: 'shoal-peer/1', identity }, Buffer.from(open));

        expect(said, ticket).not.to.match(/"opened"|"run"/);
      }
    });

    it('keeps its answers no longer than the question until an address is proven', async () => {
      for (const length of [0, 1, 2, 18, 600, 1199, 1200, 1201]) {
        const hello = Buffer.alloc(length);
        if (length > 1) hello.set([1, 1]);
        const replies = await sendDatagram(world.tracker.port, hello);

        expect(replies.length).to.be.at.most(length === 1200 ? 1 : 0);
        for (const reply of replies) expect(reply.length).to.be.at.most(length);
      }
    });

    it('serves on beside 300 connections that say nothing', async () => {
      const sockets = Array.from({ length: 300 }, (_, index) => {
        const socket = connectTcp(index % 2 === 0 ? world.tracker.port : alice.port, '127.0.0.1');
        return socket.on('error', () => undefined); // refused or cut: that is what this is about
      });
      try {
        const done = await world.cli('bob', ['get', 'good.bin', '--as', 'beside.bin', '--force']);
        expect(done.code, done.stderr).to.equal(0);
        world.noteContent('beside.bin', await goodHash());
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    });
  });

  /** A right ticket for alice's file, but of bob's device, not of the one that shows it. */
  async function foreignTicket(): Promise<string> {
    using session = await world.rawSession('bob');
    const found = await session.request('search', { text: 'good.bin' });
    const publicationId = found.ok ? found.publications[0]?.publicationId : undefined;
    const reply = await session.request('sources', { publicationId: publicationId ?? '', ticket: true });
    if (!reply.ok || reply.ticket === undefined) throw new Error('no ticket');
    return reply.ticket;
  }

  async function goodHash(): Promise<string> {
    const { sha256File } = await import('../support/temp.js');
    return sha256File(join(world.place('alice').files, 'good.bin'));
  }

  function plain(args: readonly string[]): Promise<CliResult> {
    return world.cli('alice', args, { json: false });
  }
});

/** Sends bytes to a TCP port without TLS and waits until it hangs up, or has had its chance. */
async function shout(port: number, bytes: Buffer): Promise<void> {
  const socket = connectTcp(port, '127.0.0.1');
  const closed = closeOf(socket);
  socket.on('data', () => undefined);
  socket.end(bytes);
  const timer = setTimeout(() => socket.destroy(), 500);
  await closed;
  clearTimeout(timer);
}

/** When a connection is over, in whatever way: a reset is an answer too. */
function closeOf(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => undefined); // `close` follows
  socket.once('close', () => resolve());
  return promise;
}

async function sendDatagram(port: number, bytes: Buffer): Promise<Buffer[]> {
  const socket = createSocket('udp4');
  const replies: Buffer[] = [];
  socket.on('message', (reply) => replies.push(reply));
  socket.send(bytes, port, '127.0.0.1');
  // A hello of ours behind it: when that is answered, whatever the first brought has come too.
  const hello = Buffer.alloc(1200);
  hello.set([1, 1]);
  randomBytes(16).copy(hello, 2);
  socket.send(hello, port, '127.0.0.1');
  const isOurs = (reply: Buffer): boolean => reply.subarray(2, 18).equals(hello.subarray(2, 18));
  await waitFor(() => replies.some(isOurs), { what: 'the answer to a right hello' });
  socket.close();
  return replies.filter((reply) => !isOurs(reply));
}

interface Lane {
  readonly host: string;
  readonly port: number;
  readonly pin: string;
  readonly alpn: string;
  readonly identity?: Awaited<ReturnType<typeof loadOrCreateIdentity>>;
}

/** What the lane answers to these bytes until it hangs up, or for half a second. */
async function tell({ host, port, pin, alpn, identity }: Lane, bytes: Buffer): Promise<string> {
  const signal = AbortSignal.timeout(5000);
  const { socket } = await connectPinned({
    host,
    port,
    pin: pin.replace('sha256:', ''),
    alpn,
    identity,
    timeoutMs: 5000,
    signal,
  });
  const heard: Buffer[] = [];
  socket.on('data', (part: Buffer) => heard.push(part));
  const closed = closeOf(socket);
  socket.write(bytes);
  const timer = setTimeout(() => socket.destroy(), 500);
  await closed;
  clearTimeout(timer);
  return Buffer.concat(heard).toString();
}
