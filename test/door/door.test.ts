import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { acquireLock } from '../../common/runtime/process-lock.js';
import { type OpenOptions, type Peer, PeerError, type PeerProblem } from '../../peer/api.js';
import { createDoor, type Door, type DoorOptions } from '../../peer/door/door.js';
import type { StartPeerOptions } from '../../peer/door/start-peer.js';
import { FAKE_PIN, FakePeer } from '../daemon/fake-peer.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const NEVER = new AbortController().signal;
const TRACKER = '127.0.0.1:7465';
const OTHER_PIN = `sha256:${'0b'.repeat(32)}`;

describe('door', () => {
  let dir: TempDir;
  let started: StartPeerOptions[];
  let fakes: FakePeer[];
  let contacts: number;
  let peers: Peer[];

  beforeEach(async () => {
    dir = await tempDir();
    [started, fakes, contacts, peers] = [[], [], 0, []];
  });

  afterEach(async () => {
    await Promise.all(peers.map((peer) => peer.close()));
    await dir[Symbol.asyncDispose]();
  });

  const makeDoor = (more: Partial<DoorOptions> = {}): Door =>
    createDoor({
      dataDir: dir.join('data'),
      platform: process.platform,
      downloads: dir.join('downloads'),
      startPeer: async (options) => {
        started.push(options);
        const fake = new FakePeer({ user: options.user });
        fakes.push(fake);
        return fake;
      },
      contactTracker: async () => {
        contacts += 1;
        return { pin: FAKE_PIN };
      },
      ...more,
    });

  const open = async (door: Door, more: Partial<OpenOptions> = {}): Promise<Peer> => {
    const options = { tracker: `${TRACKER}#${FAKE_PIN}`, user: 'ana', serving: true, signal: NEVER, ...more };
    const peer = await door.open(options);
    peers.push(peer);
    return peer;
  };

  const problemOf = async (work: Promise<unknown>): Promise<PeerProblem> => {
    const error = await work.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).to.be.instanceOf(PeerError);
    return (error as PeerError).problem;
  };

  const stateDir = (): string => join(dir.join('data'), FAKE_PIN.slice('sha256:'.length), 'ana');

  describe('trust', () => {
    it('pins the pin of an address at once, for its owner alone to read', async () => {
      await open(makeDoor());

      const path = dir.join('data', 'trust.json');
      expect(JSON.parse(await readFile(path, 'utf8'))).to.deep.equal({ [TRACKER]: FAKE_PIN });
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
      expect(contacts).to.equal(0);
    });

    it('says that a typed pin is not what the tracker shows, and does not put it on record', async () => {
      const mismatch = new PeerError({ code: 'pin-changed', message: 'another identity', pin: FAKE_PIN });
      const door = makeDoor({ startPeer: () => Promise.reject(mismatch) });

      const problem = await problemOf(open(door, { tracker: `${TRACKER}#${OTHER_PIN}` }));

      expect(problem.code).to.equal('untrusted-tracker');
      expect(problem.message).to.contain(`Given: ${OTHER_PIN}; it shows: ${FAKE_PIN}`);
      expect(problem.pin, 'nobody is asked to trust it').to.equal(undefined);
      await open(makeDoor(), { tracker: `${TRACKER}#${FAKE_PIN}` });
    });

    it('puts a typed pin on record that the tracker has proved, also when it refuses the password', async () => {
      const refusal = new PeerError({ code: 'login-failed', message: 'Wrong.' });

      await problemOf(open(makeDoor({ startPeer: () => Promise.reject(refusal) })));

      expect((await makeDoor().contact(TRACKER, { signal: NEVER })).trust).to.equal('pinned');
    });

    it('refuses an address whose pin is not the one on record, and starts nothing', async () => {
      const door = makeDoor();
      await door.trust(TRACKER, FAKE_PIN);

      const problem = await problemOf(open(door, { tracker: `${TRACKER}#${OTHER_PIN}` }));

      expect(problem.code).to.equal('pin-changed');
      expect(problem.message).to.contain(FAKE_PIN).and.to.contain(OTHER_PIN);
      expect(started).to.deep.equal([]);
    });

    it('refuses an unknown tracker with its pin and the command that trusts it', async () => {
      const problem = await problemOf(open(makeDoor(), { tracker: TRACKER }));

      expect(problem.code).to.equal('untrusted-tracker');
      expect(problem.pin).to.equal(FAKE_PIN);
      expect(problem.message).to.contain(`shoal trust add '${TRACKER}#${FAKE_PIN}'`);
      expect(started).to.deep.equal([]);
    });

    it('pins an unknown tracker when told to, and asks it only once', async () => {
      const door = makeDoor({ trustOnFirstUse: true });

      await open(door, { tracker: TRACKER, serving: false });
      await open(door, { tracker: TRACKER, serving: false });

      expect(contacts).to.equal(1);
      expect(started.map(({ tracker }) => tracker.pin)).to.deep.equal([FAKE_PIN, FAKE_PIN]);
    });

    it('tells a new, a pinned and a changed tracker apart', async () => {
      const door = makeDoor();

      const first = await door.contact('LOCALHOST', { signal: NEVER });
      await door.trust('localhost:7465', FAKE_PIN);
      const second = await door.contact('localhost', { signal: NEVER });
      const changed = await makeDoor({ contactTracker: async () => ({ pin: OTHER_PIN }) }).contact('localhost', {
        signal: NEVER,
      });

      expect(first).to.deep.equal({ address: 'localhost:7465', pin: FAKE_PIN, trust: 'new' });
      expect(second.trust).to.equal('pinned');
      expect(changed).to.deep.equal({
        address: 'localhost:7465',
        pin: OTHER_PIN,
        trust: 'changed',
        pinnedBefore: FAKE_PIN,
      });
    });

    for (const [what, content] of [
      ['no JSON', '{"127.0.0.1:7465"'],
      ['a list', '[]'],
      ['a pin that is none', '{"127.0.0.1:7465":"abc"}'],
      ['an address that is none', `{"a b":"${FAKE_PIN}"}`],
    ] as const) {
      it(`refuses a trust file with ${what}, and leaves it alone`, async () => {
        await mkdir(dir.join('data'), { mode: 0o700 });
        await writeFile(dir.join('data', 'trust.json'), content);

        const problem = await problemOf(open(makeDoor()));

        expect(problem.code).to.equal('bad-config');
        expect(problem.message).to.contain(dir.join('data', 'trust.json'));
        expect(await readFile(dir.join('data', 'trust.json'), 'utf8')).to.equal(content);
      });
    }

    it('understands a trust file that an editor has touched', async () => {
      await mkdir(dir.join('data'), { mode: 0o700 });
      await writeFile(dir.join('data', 'trust.json'), `\n{ "LocalHost": " ${FAKE_PIN.toUpperCase()}" }\n\n`);

      expect((await makeDoor().contact('localhost:7465', { signal: NEVER })).trust).to.equal('pinned');
    });

    it('waits for a tracker that is not there yet, when told to', async () => {
      const clock = new VirtualClock();
      let tries = 0;
      const reasons: string[] = [];
      const door = makeDoor({
        clock,
        trustOnFirstUse: true,
        contactTracker: async () => {
          tries += 1;
          if (tries < 3) throw new PeerError({ code: 'tracker-unreachable', message: `try ${tries}` });
          return { pin: FAKE_PIN };
        },
      });

      const opening = open(door, {
        tracker: TRACKER,
        serving: false,
        wait: true,
        onWaiting: ({ message }) => reasons.push(message),
      });
      await waitFor(() => clock.pendingTimers > 0, { what: 'the first pause' });
      await clock.advanceAsync(2_000);
      await opening;

      expect(reasons).to.deep.equal(['try 1', 'try 2']);
    });
  });

  describe('addresses and names', () => {
    for (const tracker of ['', ':7465', 'a b:1', 'host:0', 'host:65536', 'host:1#x', 'host:1#', 'h:1#a#b', '../x:1']) {
      it(`refuses the tracker ${JSON.stringify(tracker)}`, async () => {
        expect((await problemOf(open(makeDoor(), { tracker }))).code).to.equal('usage');
      });
    }

    for (const user of ['', '..', '../ana', 'a/b', '.ana', 'a\0b', 'ü', 'a'.repeat(65)]) {
      it(`refuses the user ${JSON.stringify(user.slice(0, 9))}, which is to become a folder`, async () => {
        expect((await problemOf(open(makeDoor(), { user }))).code).to.equal('usage');
        expect(started).to.deep.equal([]);
      });
    }

    it('reads IPv6 addresses and pins without their prefix', async () => {
      await open(makeDoor(), { tracker: `[::1]:9000#${FAKE_PIN.slice('sha256:'.length)}`, serving: false });

      expect(started[0]?.tracker).to.deep.equal({ host: '::1', port: 9000, pin: FAKE_PIN });
    });
  });

  describe('open', () => {
    it('starts the peer with the folders of this tracker and user', async () => {
      const settings = { host: '0.0.0.0', port: 5, advertise: 'me.example' };
      await open(makeDoor({ settings }), { user: 'Ana', password: 'secret' });

      expect(started[0]).to.include({
        dataDir: dir.join('data'),
        stateDir: stateDir(),
        user: 'Ana',
        password: 'secret',
        serving: true,
        wait: false,
        downloads: dir.join('downloads'),
        settings,
        resumeSaved: true,
      });
    });

    it('attaches everybody who comes later, whatever they want', async () => {
      const first = await open(makeDoor());
      const second = await open(makeDoor(), { user: 'ANA' });
      const third = await open(makeDoor(), { serving: false });

      expect([first, second, third].map(({ attached }) => attached)).to.deep.equal([false, true, true]);
      expect(started.length).to.equal(1);
    });

    it('starts one peer when many come at the same moment', async () => {
      const opened = await Promise.all(Array.from({ length: 8 }, () => open(makeDoor())));

      expect(opened.filter(({ attached }) => !attached).length).to.equal(1);
      expect(started.length).to.equal(1);
    });

    it('runs a one-shot peer without lock and socket, also beside another', async () => {
      const opened = await Promise.all([open(makeDoor(), { serving: false }), open(makeDoor(), { serving: false })]);

      expect(opened.map(({ attached }) => attached)).to.deep.equal([false, false]);
      expect(await makeDoor().attach(TRACKER, 'ana', { signal: NEVER })).to.equal(undefined);
    });

    it('can start anew after the peer was closed', async () => {
      const first = await open(makeDoor());
      await first.close();
      await first.close();

      expect((await open(makeDoor())).attached).to.equal(false);
      expect(fakes.map(({ closes }) => closes)).to.deep.equal([1, 0]);
    });

    it('gives back lock and socket when the start fails', async () => {
      const startPeer = async (): Promise<Peer> => {
        throw new PeerError({ code: 'login-failed', message: 'no' });
      };

      expect((await problemOf(open(makeDoor({ startPeer })))).code).to.equal('login-failed');
      expect((await open(makeDoor())).attached).to.equal(false);
    });

    it('says so when another process holds the place and never opens its socket', async () => {
      const clock = new VirtualClock();
      await mkdir(stateDir(), { recursive: true, mode: 0o700 });
      using _lock = acquireLock(join(stateDir(), 'lock'), { what: 'the test' });

      const opening = problemOf(open(makeDoor({ clock })));
      const turning = setInterval(() => clock.advance(1_000), 1);

      expect((await opening).code).to.equal('in-use');
      clearInterval(turning);
    });

    it('stops waiting for the other process when it is aborted', async () => {
      await mkdir(stateDir(), { recursive: true, mode: 0o700 });
      using _lock = acquireLock(join(stateDir(), 'lock'), { what: 'the test' });
      const controller = new AbortController();

      const opening = open(makeDoor(), { wait: true, signal: controller.signal }).catch((thrown) => thrown);
      controller.abort(new Error('enough'));

      expect((await opening).message).to.equal('enough');
    });

    it('refuses a data folder that is shared with others', async () => {
      await mkdir(dir.join('data'));
      await chmod(dir.join('data'), 0o1777);

      const problem = await problemOf(open(makeDoor()));

      expect(problem.code).to.equal('unwritable');
      expect(problem.message).to.contain('--data');
    });
  });

  describe('saved sessions', () => {
    const sessions = (): boolean[] => started.map(({ resumeSaved }) => resumeSaved);

    it('are used first by programs that come back by themselves, and by commands without a password', async () => {
      await open(makeDoor(), { password: 'secret' });
      await open(makeDoor(), { user: 'bob', serving: false });

      expect(sessions()).to.deep.equal([true, true]);
    });

    it('are left alone by one-shot commands that have a password', async () => {
      await open(makeDoor(), { password: 'secret', serving: false });

      expect(sessions()).to.deep.equal([false]);
    });

    it('never stand in for a wrong password of a person', async () => {
      await open(makeDoor({ savedSession: 'last' }), { password: 'secret' });

      expect(sessions()).to.deep.equal([false]);
    });

    it('take over, after a right password, what a crash left active', async () => {
      const startPeer = async (options: StartPeerOptions): Promise<Peer> => {
        started.push(options);
        if (!options.resumeSaved) throw new PeerError({ code: 'already-active', message: 'active' });
        return new FakePeer();
      };

      await open(makeDoor({ savedSession: 'last', startPeer }), { password: 'secret' });

      expect(sessions()).to.deep.equal([false, true]);
    });
  });

  describe('the end', () => {
    for (const word of ['xit', 'logout'] as const) {
      it(`comes for everybody when a client says ${word}`, async () => {
        const running = await open(makeDoor());
        const client = await open(makeDoor());
        const fake = fakes[0];
        if (fake === undefined) throw new Error('no peer was started');
        fake.handlers.logout = async () => ({});
        const kinds: string[] = [];
        running.onState(({ connection }) => kinds.push(connection.kind));

        await client.call(word, {}, { signal: NEVER });

        await waitFor(() => client.state().connection.kind === 'ended', { what: 'the client to hear of it' });
        await waitFor(() => fake.closes === 1, { what: 'the peer to be closed' });
        expect(kinds.at(-1)).to.equal('ended');
        expect(running.state().connection.kind).to.equal('ended');
        await running.close();
        expect((await open(makeDoor())).attached).to.equal(false);
      });
    }

    it('does not come when a logout fails', async () => {
      const running = await open(makeDoor());
      const fake = fakes[0];
      if (fake === undefined) throw new Error('no peer was started');
      fake.handlers.logout = async () => {
        throw new PeerError({ code: 'tracker-unreachable', message: 'away' });
      };

      expect((await problemOf(running.call('logout', {}, { signal: NEVER }))).code).to.equal('tracker-unreachable');
      expect(running.state().connection.kind).to.equal('online');
    });
  });
});
