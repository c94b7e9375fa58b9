import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { connectPinned, keyExchangeOf, PinMismatchError } from '../../common/wire/pinned-tls.js';
import { waitFor } from '../support/wait-for.js';
import { RawSession, type Transport } from './raw-session.js';
import { inWorld, passwordOf, type World } from './world.js';

const USERS = Array.from({ length: 20 }, (_, index) => `user${index}`);
const TCP_LOGINS = 80;
const UDP_LOGINS = 20;
const SEALED_LOGIN = 0x02;

describe('secrets on the wire', () => {
  it(
    `shows nobody a password in ${TCP_LOGINS + UDP_LOGINS} logins, ${UDP_LOGINS} of them over UDP, nor its base64 or hex`,
    inWorld({ users: USERS, proxy: {} }, async (world) => {
      const device = await loadOrCreateIdentity(world.path('device.pem'), { commonName: 'test' });

      for (let login = 0; login < TCP_LOGINS; login += USERS.length) await logIn(world, USERS, 'tcp', device);
      world.proxy.tcp.setFaults({ resetAfterBytes: 0, faultsIn: 'toTarget' });
      await logIn(world, USERS.slice(0, UDP_LOGINS), 'udp', device);

      const { tcp, udp } = world.proxy;
      const traffic = Buffer.concat([
        tcp.recorded('toTarget'),
        tcp.recorded('toClient'),
        ...udp.datagrams.map(({ bytes }) => bytes),
      ]);
      const sealed = udp.datagrams.filter(
        ({ bytes, direction }) => direction === 'toTarget' && bytes[1] === SEALED_LOGIN,
      );
      print(`${traffic.length} bytes of ${tcp.connections} connections and ${udp.datagrams.length} datagrams searched`);
      expect(tcp.isRecordComplete && udp.isRecordComplete).to.equal(true);
      expect(tcp.connections).to.equal(TCP_LOGINS);
      expect(sealed.length).to.be.at.least(UDP_LOGINS);
      expect(traffic.includes('shoal-tracker/1'), 'the recorder sees what is in clear').to.equal(true);
      for (const user of USERS) expect(foundForms(traffic, passwordOf(user)), user).to.deep.equal([]);
    }),
  );

  it(
    'uses X25519MLKEM768 between Node ends, to the tracker and to a peer',
    inWorld({}, async (world) => {
      const alice = await world.serve('alice');
      const identity = await loadOrCreateIdentity(world.path('device.pem'), { commonName: 'test' });

      const toTracker = await keyExchange({ ...world.tracker, alpn: 'shoal-tracker/1' });
      const toPeer = await keyExchange({ ...alice, alpn: 'shoal-peer/1', identity });

      print(`tracker: ${toTracker}, peer: ${toPeer}`);
      expect(toTracker).to.equal('X25519MLKEM768');
      expect(toPeer).to.equal('X25519MLKEM768');
    }),
  );

  it(
    'sends nothing but a handshake to a tracker with another key, over TCP and over UDP',
    inWorld({ proxy: {} }, async (world) => {
      const wrong = `sha256:${'ab'.repeat(32)}`;
      const { host, port } = world.proxy;

      const done = await world.cli('alice', ['lap'], { tracker: `${host}:${port}#${wrong}` });
      const direct = connectPinned({
        host,
        port,
        pin: wrong.slice(7),
        alpn: 'shoal-tracker/1',
        timeoutMs: 5000,
        signal: AbortSignal.timeout(30_000),
      });

      expect(done.code).to.equal(3);
      expect(done.result).to.include({ event: 'error', code: 'untrusted-tracker' });
      expect(done.stderr).to.contain('has another fingerprint than the one you gave, so nothing was sent');
      await direct.then(expectNever, (error: unknown) => expect(error).to.be.instanceOf(PinMismatchError));
      const sent = world.proxy.udp.datagrams.filter(
        ({ direction, bytes }) => direction === 'toTarget' && bytes[1] !== 0x01,
      );
      expect(sent, 'only hellos over UDP').to.deep.equal([]);
    }),
  );
});

describe('secrets on the machine', () => {
  it(
    'keeps passwords out of the arguments of every process, and refuses one that is given there',
    inWorld({}, async (world) => {
      const { home, files } = world.place('alice');
      await mkdir(files, { recursive: true });
      await mkdir(home, { recursive: true });
      const passwordFile = join(home, 'password');
      await writeFile(passwordFile, `${passwordOf('alice')}\n`, { mode: 0o600 });

      const alice = await world.serve('alice', { passwordFile, env: { SHOAL_PASSWORD: '' } });
      await world.publish('alice', await world.file('alice', 'a.bin', 5));
      const lines = await commandLines();
      const given = await world.cli('bob', ['lap', '--password', passwordOf('bob')]);

      expect(
        lines.some((line) => line.includes(alice.data)),
        'our processes are among them',
      ).to.equal(true);
      expect(lines.filter((line) => line.includes('the secret of'))).to.deep.equal([]);
      expect(given.code).to.equal(2);
      expect(given.stderr).not.to.include(passwordOf('bob'));
    }),
  );

  it(
    'writes no password, token or key to logs, output or error texts, whatever the log level',
    inWorld({ trackerArgs: ['--log-level', 'debug', '--log-file', 'tracker.log'] }, async (world) => {
      const log = world.path('alice.log');
      const env = { SHOAL_LOG_LEVEL: 'debug', SHOAL_LOG_FILE: log };
      const alice = await world.serve('alice', { env });
      await world.publish('alice', await world.file('alice', 'a.bin', 5));
      await world.cli('bob', ['get', 'a.bin'], {
        env: { SHOAL_LOG_LEVEL: 'debug', SHOAL_LOG_FILE: world.path('bob.log') },
      });
      const failed = await world.cli('bob', ['lap'], { password: 'the secret of nobody' });
      const session = await waitFor(() => savedSession(alice.data), { what: 'a saved session' });

      const texts = [
        alice.process.stdoutText,
        alice.process.stderrText,
        failed.stdout,
        failed.stderr,
        ...(await logs(world)),
      ];
      const all = Buffer.from(texts.join('\n'));

      expect(failed.code).to.equal(3);
      for (const secret of [
        passwordOf('alice'),
        passwordOf('bob'),
        'the secret of nobody',
        session.resumeToken,
        session.resumeKey,
      ]) {
        expect(foundForms(all, secret)).to.deep.equal([]);
      }
    }),
  );
});

async function logIn(world: World, users: readonly string[], transport: Transport, device: Identity): Promise<void> {
  const { host, port } = world.proxy;
  for (const user of users) {
    using session = await RawSession.open(
      { host, port, pin: world.tracker.pin },
      { transport, user, password: passwordOf(user), device },
    );
    expect(session.grant.user).to.equal(user);
  }
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly pin: string;
  readonly alpn: string;
  readonly identity?: Identity;
}

async function keyExchange({ host, port, pin, alpn, identity }: Place): Promise<string> {
  const signal = AbortSignal.timeout(30_000);
  const { socket } = await connectPinned({
    host,
    port,
    pin: pin.replace('sha256:', ''),
    alpn,
    identity,
    timeoutMs: 5000,
    signal,
  });
  socket.on('error', () => undefined); // the peer expects a first line and may hang up first
  const name = keyExchangeOf(socket);
  socket.destroy();
  return name;
}

/** In which forms `secret` stands in `bytes`. Base64 of a part of a text depends on where in the text the part begins. */
function foundForms(bytes: Buffer, secret: string): string[] {
  const plain = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), plain])
      .toString('base64')
      .replace(/=+$/, '');
    return padded.slice(Math.ceil((shift * 8) / 6), -1);
  });
  const forms: Record<string, string> = {
    plain: secret,
    hex: plain.toString('hex'),
    HEX: plain.toString('hex').toUpperCase(),
    ...Object.fromEntries(base64.map((text, shift) => [`base64 from ${shift}`, text])),
    ...Object.fromEntries(
      base64.map((text, shift) => [`base64url from ${shift}`, text.replaceAll('+', '-').replaceAll('/', '_')]),
    ),
    uri: encodeURIComponent(secret),
  };
  return Object.entries(forms).flatMap(([form, text]) => (bytes.includes(text) ? [form] : []));
}

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.allSettled(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')));
  return lines.flatMap((line) => (line.status === 'fulfilled' ? [line.value.replaceAll('\0', ' ')] : []));
}

interface Saved {
  readonly resumeToken: string;
  readonly resumeKey: string;
}

async function savedSession(data: string): Promise<Saved | undefined> {
  const names = await readdir(data, { recursive: true });
  const name = names.find((entry) => entry.endsWith('session.json'));
  return name === undefined ? undefined : (JSON.parse(await readFile(join(data, name), 'utf8')) as Saved);
}

/** Every log that the processes of this world wrote. */
async function logs(world: World): Promise<string[]> {
  const names = (await readdir(world.path(), { recursive: true })).filter((name) => name.endsWith('.log'));
  return Promise.all(names.map((name) => readFile(world.path(name), 'utf8')));
}

function expectNever(): never {
  throw new Error('it connected to a tracker with another key');
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
