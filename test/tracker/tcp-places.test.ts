import type { Socket } from 'node:net';
import { expect } from 'chai';
import {
  HELLO_DEADLINE_MS,
  MAX_CONNECTIONS_PER_USER,
  MAX_HELLOS_PER_SOURCE,
  MAX_PIPELINED,
} from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { sourceOf } from '../../tracker/registry/addresses.js';
import { HandshakeGate, MAX_PENDING_PER_SOURCE } from '../../tracker/transport/handshake-gate.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp } from './raw-client.js';
import { publishOf, request, resumeOf, userOf } from './raw-messages.js';
import { QuickHasher, TestTracker } from './test-tracker.js';

/** Does not answer before it is told to. */
class HeldHasher extends QuickHasher {
  readonly #gate = Promise.withResolvers<void>();
  isHolding = false;
  asked = 0;
  open(): void {
    this.#gate.resolve();
  }
  override async verify(password: string, phc: string): Promise<boolean> {
    this.asked += 1;
    if (this.isHolding) await this.#gate.promise;
    return super.verify(password, phc);
  }
}

describe('places for TCP connections', () => {
  let tracker: TestTracker;
  let clock: VirtualClock;
  let hasher: HeldHasher;
  beforeEach(async () => {
    clock = new VirtualClock();
    hasher = new HeldHasher();
    tracker = await TestTracker.start({ clock, hasher });
  });
  afterEach(async () => {
    hasher.open();
    await tracker[Symbol.asyncDispose]();
  });

  async function open(count: number, host?: string): Promise<RawTcp[]> {
    const clients: RawTcp[] = [];
    for (let index = 0; index < count; index += 1) clients.push(await tracker.tcp(host));
    return clients;
  }
  const closedOf = (clients: readonly RawTcp[]): number => clients.filter(({ isClosed }) => isClosed).length;

  it(`are ${MAX_HELLOS_PER_SOURCE} for one source that does not log in: its own oldest make way, and others are not touched`, async () => {
    const [other] = await open(1, '127.0.0.2');
    const silent = await open(MAX_HELLOS_PER_SOURCE + 10, '127.0.0.3');

    await waitFor(() => closedOf(silent) === 10);

    expect(closedOf(silent.slice(0, 10))).to.equal(10);
    expect(other!.isClosed).to.equal(false);
    const alice = await tracker.tcp('127.0.0.3');
    expect((await alice.ask(tracker.login(userOf('alice')))).ok).to.equal(true);
  });

  it('are not taken from those whose password is being checked', async () => {
    hasher.isHolding = true;
    const entering = await tracker.tcp();
    const login = tracker.login(userOf('alice'));
    entering.write(`${JSON.stringify(login)}\n`);
    await waitFor(() => hasher.asked === 1);

    const silent = await open(MAX_HELLOS_PER_SOURCE + 5);
    await waitFor(() => closedOf(silent) >= 5);
    hasher.open();

    expect((await entering.reply(login.id)).ok).to.equal(true);
  });

  it(`are ${MAX_CONNECTIONS_PER_USER} for one user, however many sessions or returns: the oldest are closed`, async () => {
    const { client: bob } = await tracker.enterTcp('bob');
    const { client: first, grant } = await tracker.enterTcp('alice');
    const returns: RawTcp[] = [];
    for (let index = 0; index < MAX_CONNECTIONS_PER_USER + 2; index += 1) {
      const client = await tracker.tcp();
      expect((await client.ask(resumeOf(grant))).ok).to.equal(true);
      returns.push(client);
    }

    await waitFor(() => closedOf([first, ...returns]) === 3);

    expect(closedOf([first, ...returns.slice(0, 2)])).to.equal(3);
    expect((await returns.at(-1)!.ask(request('heartbeat'))).ok).to.equal(true);
    expect((await bob.ask(request('heartbeat'))).ok).to.equal(true);
  });

  it(`are held for ${HELLO_DEADLINE_MS} ms without a login, however often one is refused meanwhile`, async () => {
    const client = await tracker.tcp();
    for (let tries = 0; tries < 4; tries += 1) {
      await client.ask(request('listPeers'));
      clock.advance(HELLO_DEADLINE_MS / 4 - 1);
    }
    await client.ask(request('listPeers'));
    expect(client.isClosed).to.equal(false);

    clock.advance(4);

    await client.closed();
  });

  it('are not lost while the tracker itself takes its time', async () => {
    hasher.isHolding = true;
    const client = await tracker.tcp();
    await client.ask(request('listPeers'));
    const login = tracker.login(userOf('alice'));
    client.write(`${JSON.stringify(login)}\n`);
    await waitFor(() => hasher.asked === 1);

    clock.advance(10 * HELLO_DEADLINE_MS);
    hasher.open();

    expect((await client.reply(login.id)).ok).to.equal(true);
  });

  it('are given to networks, not to the endless addresses of one IPv6 network', () => {
    const begun: Socket[] = [];
    const gate = new HandshakeGate((socket) => begun.push(socket), clock, 10_000);
    const guest = (remoteAddress: string): Socket => {
      const socket = { remoteAddress, on: () => socket, once: () => socket, destroy: () => socket };
      return socket as unknown as Socket;
    };
    for (let host = 1; host <= 100; host += 1) gate.enter(guest(`2001:db8:0:1::${host.toString(16)}`));
    expect(begun).to.have.length(MAX_PENDING_PER_SOURCE);

    gate.enter(guest('2001:db8:0:2::1'));
    expect(begun).to.have.length(MAX_PENDING_PER_SOURCE + 1);
  });

  for (const [address, source] of [
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::', 'fe80:0:0:0'],
    ['1:2:3::', '1:2:3:0'],
  ] as const) {
    it(`are counted for ${address} as for ${source}`, () => {
      expect(sourceOf(address)).to.equal(source);
    });
  }
});

describe('a peer that asks and does not read', () => {
  it('costs one wait for all its replies, and is answered when it reads again', async () => {
    await using tracker = await TestTracker.start();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      const { client: bob } = await tracker.enterTcp('bob');
      const names = Array.from({ length: 1_000 }, (_, index) => `${'n'.repeat(200)}${index}`);
      await bob.ask(publishOf(...names));
      const { client: alice } = await tracker.enterTcp('alice');
      alice.socket.pause();
      const requests = Array.from({ length: MAX_PIPELINED }, () => request('search', { text: 'n', limit: 1_000 }));
      for (const message of requests) alice.write(`${JSON.stringify(message)}\n`);
      await bob.ask(request('search', { text: 'n', mine: true, limit: 1_000 }));
      await bob.ask(request('search', { text: 'n', mine: true, limit: 1_000 }));

      alice.socket.resume();

      for (const { id } of requests) expect((await alice.reply(id)).ok).to.equal(true);
      expect(warnings).to.deep.equal([]);
    } finally {
      process.off('warning', onWarning);
    }
  });
});
