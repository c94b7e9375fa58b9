/** What everybody takes for granted, seen at real processes: connections, keys, logs, memory. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { peakMemory, resetPeakMemory } from '../support/proc.js';
import { runCli, startTracker } from '../support/program.js';
import { waitFor } from '../support/wait-for.js';
import { errorCodeOf, resultOf, transferOf } from './json-results.js';
import { newId, type RawSession } from './raw-session.js';
import { inWorld, passwordOf, sharedEnvironment, World } from './world.js';

const MIB = 1024 * 1024;

describe('connections to the tracker', () => {
  let world: World;
  /** Says nothing from the start; the other tests run meanwhile. */
  let silent: { readonly socket: TLSSocket; readonly closed: Promise<unknown> };

  before(async () => {
    world = await World.open();
    silent = await openSilent();
  });
  after(() => world.end());

  async function openSilent() {
    const { host, port } = world.tracker;
    const socket = connect({ host, port, ALPNProtocols: ['shoal-tracker/1'], rejectUnauthorized: false });
    socket.on('error', () => undefined); // how it is ended does not matter
    const closed = once(socket, 'close');
    await once(socket, 'secureConnect');
    socket.resume();
    return { socket, closed };
  }

  async function ask(session: RawSession, more: object = {}): Promise<object> {
    return session.send({ v: 1, id: newId(), type: 'heartbeat', ...more } as { id: string });
  }

  it('serve many requests each, and stay open between them', async () => {
    using session = await world.rawSession('alice');

    for (let round = 0; round < 3; round += 1) {
      const replies = await Promise.all(Array.from({ length: 20 }, () => ask(session)));
      expect(replies.map((reply) => 'ok' in reply && reply.ok)).to.deep.equal(replies.map(() => true));
    }
  });

  it('take no notice of fields that a later version may have', async () => {
    using session = await world.rawSession('alice');

    const later = await session.send({
      v: 1,
      id: newId(),
      type: 'search',
      text: '',
      colour: 'blue',
      deep: [{ a: 1 }],
    } as {
      id: string;
    });

    expect(later).to.include({ ok: true });
  });

  it('are refused everything before a login', async () => {
    for (const request of [{ type: 'search', text: '' }, { type: 'listPeers' }, { type: 'publish', entries: [] }]) {
      const { socket } = await openSilent();
      socket.write(`${JSON.stringify({ v: 1, id: 'a', ...request })}\n`);
      const [line] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();

      expect(JSON.parse(String(line)))
        .to.have.nested.property('error.code')
        .that.is.oneOf(['not-logged-in', 'bad-message']);
    }
  });

  it('are dropped when they stay silent, while those in use stay', async () => {
    using session = await world.rawSession('alice');

    await silent.closed;

    expect(await ask(session)).to.include({ ok: true });
  });
});

describe('keys that the administrator sets', () => {
  it(
    'make the identity and seal the sessions: with them a session outlives the tracker, with another seal key it does not',
    inWorld({}, async (world) => {
      const env = await sharedEnvironment();
      const identity = world.path('tracker', 'identity.pem');
      const keys = { one: world.path('one.key'), other: world.path('other.key') };
      for (const path of Object.values(keys))
        await writeFile(path, randomBytes(32).toString('base64url'), { mode: 0o600 });
      const data = world.path('elsewhere');
      const start = (key: string, port?: number) =>
        startTracker({
          data,
          credentials: { alice: passwordOf('alice') },
          args: ['--identity', identity, '--seal-key', key],
          env,
          ...(port === undefined ? {} : { port }),
        });
      const { home, data: own } = world.place('alice');
      const lap = (address: string, args: string[], password?: string) =>
        runCli(args, {
          user: 'alice',
          home,
          data: own,
          env,
          tracker: address,
          json: true,
          ...(password ? { password } : {}),
        });

      const first = await start(keys.one);
      const { address, port, pin } = first;
      const login = await lap(address, ['login'], passwordOf('alice'));
      await first.process.stop();
      const codes: number[] = [];
      for (const key of [keys.one, keys.other]) {
        await using tracker = await start(key, port);
        expect(tracker.pin).to.equal(pin);
        codes.push((await lap(tracker.address, ['lap'])).code ?? -1);
      }

      expect(pin).to.equal(world.tracker.pin);
      expect(login.code, login.stderr).to.equal(0);
      expect(codes).to.deep.equal([0, 3]);
    }),
  );
});

describe('a passcode', () => {
  it(
    'locks one file and leaves the others open; without it or with a wrong one nothing is fetched',
    inWorld({}, async (world) => {
      const alice = await world.serve('alice');
      const secret = world.path('passcode');
      await writeFile(secret, 'open sesame\n', { mode: 0o600 });
      await world.publish('alice', await world.file('alice', 'open.bin', 2_000));
      await world.publish('alice', await world.file('alice', 'locked.bin', 3_000, 2), ['--passcode-file', secret]);
      const get = (name: string, passcode?: string) =>
        world.cli('bob', ['get', name], passcode === undefined ? {} : { env: { SHOAL_PASSCODE: passcode } });

      const [open, without] = [await get('open.bin'), await get('locked.bin')];
      const wrong = await get('locked.bin', 'close sesame');
      const kept = await readdir(world.place('bob').downloads);
      const right = await get('locked.bin', 'open sesame');

      expect([open.code, without.code, wrong.code, right.code], right.stderr).to.deep.equal([0, 3, 3, 0]);
      expect([errorCodeOf(without), errorCodeOf(wrong)]).to.deep.equal(['passcode-needed', 'wrong-passcode']);
      expect(kept).to.deep.equal(['open.bin']);
      expect(transferOf(right).receivedBytes).to.equal(3_000);
      await alice.process.stop();
    }),
  );
});

describe('transcripts', () => {
  it(
    'of tracker, publisher and downloader say who did what with which outcome, in lines of JSON',
    inWorld({ trackerArgs: ['--log-file', 'tracker.log'] }, async (world) => {
      const [aliceLog, bobLog] = [world.path('alice.log'), world.path('bob.log')];
      const alice = await world.serve('alice', { args: ['--log-file', aliceLog] });
      await world.publish('alice', await world.file('alice', 'plan.pdf', 300_000));
      const fetched = await world.cli('bob', ['get', 'plan.pdf', '--log-file', bobLog]);
      await world.cli('bob', ['get', 'plan.pdf', '--log-file', bobLog]);
      const refused = await world.cli('bob', ['lap'], { password: 'a wrong one' });
      const trackerLog = `${world.tracker.process.home}/tracker.log`;

      expect(transferOf(fetched).receivedBytes).to.equal(300_000);
      expect(errorCodeOf(refused)).to.equal('login-failed');
      const atTracker = await recordsOf(trackerLog);
      expect(find(atTracker, 'login', { user: 'bob', outcome: 'ok' })).to.have.property('host', '127.0.0.1');
      expect(find(atTracker, 'login', { user: 'bob', outcome: 'login-failed' })).not.to.equal(undefined);
      expect(find(atTracker, 'publish', { user: 'alice', outcome: 'ok' })).to.deep.include({ names: ['plan.pdf'] });
      expect(find(atTracker, 'sources', { user: 'bob', outcome: 'ok' })).to.have.property('publicationId');
      await waitFor(async () => find(await recordsOf(aliceLog), 'served', { user: 'bob' }), { what: 'the upload' });
      expect(find(await recordsOf(aliceLog), 'served', { user: 'bob' })).to.include({
        name: 'plan.pdf',
        sentBytes: 300_000,
      });
      expect(find(await recordsOf(aliceLog), 'pub done', {})).not.to.equal(undefined);
      expect(find(await recordsOf(bobLog), 'get done', {})).to.have.nested.property('transfer.state', 'done');
      expect(find(await recordsOf(bobLog), 'get failed', {})).to.include({ code: 'exists' });
      await alice.process.stop();
    }),
  );
});

describe('a large file', () => {
  it(
    'goes through both ends without ever being in memory as a whole',
    inWorld({ ram: true }, async (world) => {
      const size = 192 * MIB;
      const alice = await world.serve('alice');
      const bob = await world.serve('bob');
      await world.publish('alice', await world.file('alice', 'large.bin', size));
      const peaks = async (): Promise<number[]> =>
        Promise.all([alice, bob].map(({ process }) => peakMemory(process.pid)));
      await Promise.all([alice, bob].map(({ process }) => resetPeakMemory(process.pid)));
      const before = await peaks();

      resultOf(await world.cli('bob', ['get', 'large.bin']));

      const grown = (await peaks()).map((peak, index) => peak - (before[index] ?? 0));
      for (const bytes of grown) expect(bytes).to.be.below(size / 2);
      await alice.process.stop();
      await bob.process.stop();
    }),
  );
});

type LogRecord = Readonly<Record<string, unknown>>;

async function recordsOf(path: string): Promise<readonly LogRecord[]> {
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as LogRecord);
}

function find(records: readonly LogRecord[], msg: string, fields: Readonly<Record<string, unknown>>) {
  return records.find(
    (record) => record['msg'] === msg && Object.entries(fields).every(([key, value]) => record[key] === value),
  );
}
