import { once } from 'node:events';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { type Peer, PeerError, type PeerProblem, type PeerState, type ProgressEvent } from '../../peer/api.js';
import { attachLocal } from '../../peer/daemon/attached-peer.js';
import { MAX_REQUEST_BYTES } from '../../peer/daemon/local-messages.js';
import { type LocalServer, serveLocal } from '../../peer/daemon/local-server.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { aborted, FakePeer, publication, transfer } from './fake-peer.js';

const NEVER = new AbortController().signal;

describe('local socket', () => {
  let dir: TempDir;
  let fake: FakePeer;
  let server: LocalServer;
  const open: (Peer | Socket)[] = [];

  beforeEach(async () => {
    dir = await tempDir();
    fake = new FakePeer();
    server = await serveLocal(fake, dir.join('run', 'ana.sock'));
  });

  afterEach(async () => {
    for (const item of open.splice(0)) await ('destroy' in item ? item.destroy() : item.close());
    await server.close();
    await dir[Symbol.asyncDispose]();
  });

  const attach = async (): Promise<Peer> => {
    const peer = await attachLocal(server.path, { signal: NEVER });
    if (peer === undefined) throw new Error('nobody is listening');
    open.push(peer);
    return peer;
  };

  const rawClient = async (): Promise<{ socket: Socket; next: () => Promise<unknown> }> => {
    const socket = connect(server.path);
    open.push(socket);
    await once(socket, 'connect');
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    return { socket, next: async () => JSON.parse((await lines.next()).value ?? 'null') as unknown };
  };

  it('is open to its owner alone', async () => {
    expect((await stat(server.path)).mode & 0o777).to.equal(0o600);
    expect((await stat(dir.join('run'))).mode & 0o777).to.equal(0o700);
  });

  it('tightens a folder that was open to others', async () => {
    await mkdir(dir.join('wide'));
    await chmod(dir.join('wide'), 0o755);

    const other = await serveLocal(fake, dir.join('wide', 'x.sock'));
    await other.close();

    expect((await stat(dir.join('wide'))).mode & 0o777).to.equal(0o700);
  });

  it('removes its file when it closes', async () => {
    await server.close();

    expect(await readdir(dir.join('run'))).to.deep.equal([]);
  });

  it('takes the place of a dead socket', async () => {
    await writeFile(dir.join('run', 'dead.sock'), '');

    const second = await serveLocal(fake, dir.join('run', 'dead.sock'));
    const peer = await attachLocal(second.path, { signal: NEVER });

    expect(peer?.attached).to.equal(true);
    await peer?.close();
    await second.close();
  });

  it('gives the state at once, and carries input and result unchanged', async () => {
    fake.change({ user: 'Zoë' });
    const input = { text: 'a\nb\u2028"ü', ignoreCase: true, limit: 7 };
    fake.handlers.sch = async () => ({ publications: [publication('päper.pdf')], partial: false, cursor: 'c' });
    const peer = await attach();

    const result = await peer.call('sch', input, { signal: NEVER });

    expect(peer.state().user).to.equal('Zoë');
    expect(fake.calls[0]?.input).to.deep.equal(input);
    expect(result).to.deep.equal({ publications: [publication('päper.pdf')], partial: false, cursor: 'c' });
  });

  it('carries every field of a problem', async () => {
    const problem: PeerProblem = { code: 'ambiguous', message: 'two', choices: [publication('a'), publication('b')] };
    fake.handlers.get = async () => {
      throw new PeerError(problem);
    };
    const peer = await attach();

    const error = await peer
      .call('get', { selector: 'a', directory: '/' }, { signal: NEVER })
      .catch((thrown) => thrown);

    expect(error).to.be.instanceOf(PeerError);
    expect(error.problem).to.deep.equal(problem);
  });

  it('turns a bug of the peer into `internal` and lives on', async () => {
    fake.handlers.lpf = async () => {
      throw new TypeError('cannot read undefined');
    };
    fake.handlers.lap = async () => ({ users: [] });
    const peer = await attach();

    const error = await peer.call('lpf', {}, { signal: NEVER }).catch((thrown) => thrown);

    expect(error.code).to.equal('internal');
    expect(await peer.call('lap', {}, { signal: NEVER })).to.deep.equal({ users: [] });
  });

  it('reports progress in order, before the result', async () => {
    fake.handlers.get = async (_input, { onProgress }) => {
      for (const doneBytes of [1, 2, 3]) onProgress?.({ event: 'transfer', transfer: transfer('f', { doneBytes }) });
      return { path: '/f', transfer: transfer('f', { state: 'done' }) };
    };
    const seen: ProgressEvent[] = [];
    const peer = await attach();

    await peer.call(
      'get',
      { selector: 'f', directory: '/' },
      { signal: NEVER, onProgress: (event) => seen.push(event) },
    );

    expect(seen.map((event) => event.event === 'transfer' && event.transfer.doneBytes)).to.deep.equal([1, 2, 3]);
  });

  it('runs many calls of many clients at once', async () => {
    const gate = Promise.withResolvers<void>();
    fake.handlers.sch = async ({ text }) => {
      await gate.promise;
      return { publications: [publication(text)], partial: false };
    };
    const peers = await Promise.all(Array.from({ length: 5 }, attach));

    const results = peers.flatMap((peer, client) =>
      [0, 1, 2].map((index) => peer.call('sch', { text: `${client}-${index}` }, { signal: NEVER })),
    );
    await waitFor(() => fake.calls.length === 15, { what: 'all calls to arrive' });
    gate.resolve();

    const names = (await Promise.all(results)).map(({ publications }) => publications[0]?.name);
    expect(names).to.deep.equal(peers.flatMap((_, client) => [0, 1, 2].map((index) => `${client}-${index}`)));
  });

  it('aborts the call that is cancelled, and only that one', async () => {
    fake.handlers.get = async ({ selector }, { signal }) => {
      await aborted(signal);
      throw new PeerError({ code: 'interrupted', message: `${selector} kept` });
    };
    const peer = await attach();
    const controller = new AbortController();
    const first = peer
      .call('get', { selector: 'one', directory: '/' }, { signal: controller.signal })
      .catch((thrown) => thrown);
    void peer.call('get', { selector: 'two', directory: '/' }, { signal: NEVER }).catch(() => undefined);
    await waitFor(() => fake.calls.length === 2, { what: 'both calls to arrive' });

    controller.abort();

    expect((await first).message).to.equal('one kept');
    expect(fake.calls.map(({ signal }) => signal.aborted)).to.deep.equal([true, false]);
  });

  it('does not wait for ever for the answer to a cancelled call', async () => {
    const clock = new VirtualClock();
    fake.handlers.get = () => new Promise(() => undefined);
    const peer = await attachLocal(server.path, { signal: NEVER, clock });
    if (peer === undefined) throw new Error('nobody is listening');
    open.push(peer);
    const controller = new AbortController();
    const call = peer
      .call('get', { selector: 'one', directory: '/' }, { signal: controller.signal })
      .catch((thrown) => thrown);

    controller.abort();
    clock.advance(2_000);

    expect((await call).code).to.equal('interrupted');
  });

  it('aborts the calls of a client that hangs up', async () => {
    fake.handlers.get = async (_input, { signal }) => {
      await aborted(signal);
      throw signal.reason;
    };
    const peer = await attach();
    void peer.call('get', { selector: 'one', directory: '/' }, { signal: NEVER }).catch(() => undefined);
    await waitFor(() => fake.calls.length === 1, { what: 'the call to arrive' });

    await peer.close();

    await waitFor(() => fake.calls[0]?.signal.aborted === true, { what: 'the call to be aborted' });
  });

  it('fails the calls of its clients and tells them `ended` when the peer goes', async () => {
    fake.handlers.get = () => new Promise(() => undefined);
    const peer = await attach();
    const states: PeerState[] = [];
    peer.onState((state) => states.push(state));
    const call = peer.call('get', { selector: 'one', directory: '/' }, { signal: NEVER }).catch((thrown) => thrown);
    await waitFor(() => fake.calls.length === 1, { what: 'the call to arrive' });

    await server.close();

    expect((await call).message).to.match(/ended before it answered/);
    await waitFor(() => peer.state().connection.kind === 'ended', { what: 'the state to say so' });
    expect(states.at(-1)?.connection.kind).to.equal('ended');
  });

  it('sends state only to those who asked, and stops when they no longer do', async () => {
    const [watching, other] = [await attach(), await attach()];
    const seen: string[] = [];
    const undo = watching.onState(({ user }) => seen.push(user));
    await waitFor(() => fake.listeners === 1, { what: 'the peer to be watched' });

    fake.change({ user: 'bea' });
    await waitFor(() => seen.includes('bea'), { what: 'the new state' });
    undo();
    await waitFor(() => fake.listeners === 0, { what: 'the peer not to be watched' });

    expect(other.state().user).to.equal('ana');
  });

  it('sends state at most ten times a second, the newest last', async () => {
    const clock = new VirtualClock();
    const timed = await serveLocal(fake, dir.join('run', 'timed.sock'), { clock });
    const peer = await attachLocal(timed.path, { signal: NEVER });
    const seen: number[] = [];
    peer?.onState(({ sentBytesPerSecond }) => seen.push(sentBytesPerSecond));
    await waitFor(() => seen.length === 1, { what: 'the first state' });

    for (let index = 1; index <= 1_000; index += 1) {
      fake.change({ sentBytesPerSecond: index });
      clock.advance(1);
    }
    clock.advance(100);

    await waitFor(() => seen.at(-1) === 1_000, { what: 'the newest state' });
    expect(seen.length).to.be.within(10, 12);
    await peer?.close();
    await timed.close();
  });

  it('finds nobody behind a missing, dead or foreign file', async () => {
    await writeFile(dir.join('plain'), 'x');

    expect(await attachLocal(dir.join('missing.sock'), { signal: NEVER })).to.equal(undefined);
    expect(await attachLocal(dir.join('plain'), { signal: NEVER })).to.equal(undefined);
  });

  it('gives up on a peer that does not greet', async () => {
    const clock = new VirtualClock();
    const silent = createServer().listen(dir.join('silent.sock'));
    await once(silent, 'listening');

    const attempt = attachLocal(dir.join('silent.sock'), { signal: NEVER, clock }).catch((thrown) => thrown);
    const [socket] = (await once(silent, 'connection')) as [Socket];
    clock.advance(5_000);

    expect((await attempt).code).to.equal('in-use');
    socket.destroy();
    silent.close();
  });

  it('refuses a peer of another version', async () => {
    const other = createServer((socket) => socket.end('{"hello":99,"state":{}}\n')).listen(dir.join('other.sock'));
    await once(other, 'listening');

    const error = await attachLocal(dir.join('other.sock'), { signal: NEVER }).catch((thrown) => thrown);

    expect(error.code).to.equal('protocol');
    other.close();
  });

  for (const [what, line] of [
    ['no JSON', 'hello'],
    ['no object', '[1]'],
    ['no request', '{"a":1}'],
    ['an id that is no number', '{"id":"1","call":"lpf","input":{}}'],
  ] as const) {
    it(`hangs up on a line that is ${what}, and serves others`, async () => {
      const { socket } = await rawClient();
      const closed = once(socket.resume(), 'close');

      socket.write(`${line}\n`);

      await closed;
      expect((await attach()).state().user).to.equal('ana');
    });
  }

  for (const [what, request, message] of [
    ['an unknown command', { id: 1, call: 'constructor', input: {} }, /unknown command: "constructor"/],
    ['an input that is no object', { id: 1, call: 'lpf', input: [] }, /must be an object/],
    ['a missing field', { id: 1, call: 'get', input: { directory: '/x' } }, /"selector" must be a string/],
    ['a field of another type', { id: 1, call: 'pub', input: { paths: [1] } }, /"paths" must be a list of strings/],
  ] as const) {
    it(`answers ${what} with a usage problem`, async () => {
      const { socket, next } = await rawClient();
      await next();

      socket.write(`${JSON.stringify(request)}\n`);
      const answer = (await next()) as { id: number; problem: PeerProblem };

      expect(answer.id).to.equal(1);
      expect(answer.problem.code).to.equal('usage');
      expect(answer.problem.message).to.match(message);
      expect(fake.calls).to.deep.equal([]);
    });
  }

  it('hangs up at the byte cap of a request, before its line ends', async () => {
    const socket = connect(server.path);
    open.push(socket);
    socket.on('error', () => undefined); // the rest of the line meets a closed door
    const closed = new Promise((resolve) => socket.resume().once('close', resolve));
    const block = Buffer.alloc(1024 * 1024, 0x78);

    for (let sent = 0; sent <= MAX_REQUEST_BYTES; sent += block.length) socket.write(block);

    await closed;
    expect((await attach()).state().user).to.equal('ana');
  });

  it('refuses a second call under an id that is in use', async () => {
    fake.handlers.lap = () => new Promise(() => undefined);
    const { socket, next } = await rawClient();
    await next();

    socket.write('{"id":4,"call":"lap","input":{}}\n{"id":4,"call":"lap","input":{}}\n');

    expect(await next()).to.have.nested.property('problem.code', 'too-many');
  });
});
