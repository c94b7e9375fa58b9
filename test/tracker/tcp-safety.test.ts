import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import {
  HELLO_DEADLINE_MS,
  MAX_HELLO_LINE_BYTES,
  MAX_LINE_BYTES,
  TCP_IDLE_MS,
  TLS_HANDSHAKE_DEADLINE_MS,
} from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import {
  HANDSHAKE_GRACE_MS,
  HandshakeGate,
  MAX_PENDING_HANDSHAKES,
  MAX_PENDING_PER_SOURCE,
} from '../../tracker/transport/handshake-gate.js';
import { waitFor } from '../support/wait-for.js';
import { RawTcp } from './raw-client.js';
import { nextId, publishOf, request, resumeOf, userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

describe('the TCP port', () => {
  let tracker: TestTracker;
  let clock: VirtualClock;
  let sockets: Socket[];
  beforeEach(async () => {
    clock = new VirtualClock();
    sockets = [];
    tracker = await TestTracker.start({ clock });
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await tracker[Symbol.asyncDispose]();
  });

  async function rawSocket(): Promise<Socket> {
    const socket = connect(tracker.port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  describe('before login', () => {
    for (const [what, bytes] of [
      ['a line over the cap', Buffer.alloc(MAX_HELLO_LINE_BYTES + 1, 0x20)],
      ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x0a])],
      ['a line that is no JSON', Buffer.from('GET / HTTP/1.1\r\n')],
      ['JSON that is no object', Buffer.from('[1,2]\n')],
      ['JSON nested too deep', Buffer.from(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}\n`)],
      ['an object without an id', Buffer.from('{"v":1,"type":"login"}\n')],
      ['NUL bytes', Buffer.from('\0\0\0\n')],
    ] as const) {
      it(`closes on ${what}, without a word`, async () => {
        const client = await tracker.tcp();
        client.write(bytes);
        await client.closed();
        expect(client.messages).to.deep.equal([]);
      });
    }

    it('closes a connection without ALPN and refuses one with another', async () => {
      const error = await RawTcp.open(tracker.place, { alpn: 'http/2' }).then(
        () => 'opened',
        () => 'refused',
      );
      expect(error).to.equal('refused');
    });

    it('closes after ten failed logins', async () => {
      const client = await tracker.tcp();
      for (let tries = 0; tries < 10; tries += 1) await client.ask(request('listPeers'));
      await client.closed();
    });
  });

  describe('deadlines', () => {
    it('gives 5 s for a login, however slowly it drips', async () => {
      const client = await tracker.tcp();
      await client.ask(request('listPeers')); // the tracker has this connection, and begins to count
      const line = `${JSON.stringify(tracker.login(userOf('alice')))}\n`;
      client.write(line.slice(0, 10));
      clock.advance(HELLO_DEADLINE_MS - 1);
      client.write(line.slice(10, 20));
      expect(client.isClosed).to.equal(false);
      clock.advance(1);
      await client.closed();
    });

    it('gives 5 s for the TLS handshake', async () => {
      const socket = await rawSocket();
      const closed = once(socket, 'close');
      await using other = await RawTcp.open(tracker.place); // accepted after it, so it was accepted too
      expect(other.isClosed).to.equal(false);
      clock.advance(5_000);
      await closed;
    });

    it('closes an idle connection after 120 s, and not one that speaks', async () => {
      const [{ client: idle }, { client: busy }] = [await tracker.enterTcp('alice'), await tracker.enterTcp('bob')];
      clock.advance(TCP_IDLE_MS / 2);
      await busy.ask(request('heartbeat'));
      clock.advance(TCP_IDLE_MS / 2);
      await idle.closed();
      expect((await busy.ask(request('heartbeat'))).ok).to.equal(true);
    });

    it('lets an honest user in beside hundreds that never speak', async () => {
      const idle = await Promise.all(Array.from({ length: 300 }, rawSocket));
      let closed = 0;
      for (const socket of idle) socket.once('close', () => (closed += 1));

      await waitFor(() => {
        clock.advance(TLS_HANDSHAKE_DEADLINE_MS);
        return closed === idle.length;
      });
      const { client } = await tracker.enterTcp('alice');

      expect((await client.ask(request('heartbeat'))).ok).to.equal(true);
    });
  });

  describe('after login', () => {
    it('takes lines up to the cap and closes beyond it', async () => {
      const { client } = await tracker.enterTcp('alice');
      const heartbeat = JSON.stringify(request('heartbeat'));
      client.write(`${heartbeat.padEnd(MAX_LINE_BYTES)}\n`);
      await waitFor(() => client.messages.length === 2);

      client.write(`${heartbeat.padEnd(MAX_LINE_BYTES + 1)}\n`);
      await client.closed();
    });

    it('answers requests that come cut at every byte, and many in one piece', async () => {
      const { client } = await tracker.enterTcp('alice');
      const requests = Array.from({ length: 100 }, () => request('heartbeat'));
      const text = requests.map((message) => `${JSON.stringify(message)}\n`).join('');

      for (const byte of text.slice(0, 400)) client.write(byte);
      client.write(text.slice(400));

      for (const { id } of requests) expect((await client.reply(id)).ok).to.equal(true);
    });

    it('works for 32 requests of a connection at once, the others wait unread and are all answered', async () => {
      const { client } = await tracker.enterTcp('alice');
      const requests = Array.from({ length: 500 }, () => request('search', { text: '' }));
      client.write(requests.map((message) => `${JSON.stringify(message)}\n`).join(''));

      for (const { id } of requests) expect((await client.reply(id)).ok).to.equal(true);
    });

    it('does not let one bad line harm the session', async () => {
      const { client } = await tracker.enterTcp('alice');
      const id = nextId();
      client.write(`{"v":1,"id":"${id}","type":"publish","entries":[{"name":1e400}]}\n`);

      expect((await client.reply(id)).error?.code).to.equal('bad-message');
      expect((await client.ask(publishOf('a.bin'))).ok).to.equal(true);
    });

    it('closes on who reads no events instead of keeping them all, and has the last ones for his return', async () => {
      const { client, grant } = await tracker.enterTcp('alice');
      const { outbox } = tracker.tracker.registry.find(grant.session)!;
      const publicationIds = Array.from({ length: 32 }, () => 'V1StGXR8_Z5jdHi6B-myT');
      client.socket.pause();
      for (let posted = 0; posted < 40_000; posted += 1) {
        outbox.post({ event: 'match', search: 's1', publicationIds });
        if (posted % 1_000 === 0) await nextTurn();
      }

      client.socket.resume();
      await client.closed();
      const back = await tracker.tcp();
      expect((await back.ask(resumeOf(grant))).ok).to.equal(true);
      expect(await back.event('match')).to.include({ search: 's1' });
    });

    it('ends a connection whose peer vanished, and keeps the session for its return', async () => {
      const { client, grant } = await tracker.enterTcp('alice');
      await client[Symbol.asyncDispose]();

      expect((await (await tracker.tcp()).ask(resumeOf(grant))).ok).to.equal(true);
    });
  });
});

describe('the handshake gate', () => {
  /** As much of a socket as the gate looks at. */
  const guest = (remoteAddress: string): Socket => {
    const socket = {} as Socket;
    const listeners: (() => void)[] = [];
    return Object.assign(socket, {
      remoteAddress,
      on: () => socket,
      once: (_event: string, listener: () => void) => void listeners.push(listener),
      destroy: () => {
        for (const listener of listeners.splice(0)) listener();
      },
    });
  };

  it('admits so many of one source, so many in all, and the next when one is through', () => {
    const begun: Socket[] = [];
    const gate = new HandshakeGate((socket) => begun.push(socket), new VirtualClock(), 10_000);
    const same = Array.from({ length: 20 }, () => guest('10.0.0.1'));
    for (const socket of same) gate.enter(socket);
    expect(begun).to.have.length(MAX_PENDING_PER_SOURCE);

    gate.leave(same[0]!);
    expect(begun).to.have.length(MAX_PENDING_PER_SOURCE + 1);

    for (let index = 0; index < 600; index += 1) gate.enter(guest(`10.1.${index >> 8}.${index & 255}`));
    expect(begun).to.have.length(MAX_PENDING_HANDSHAKES + 1);
  });

  describe('that strangers of 50 addresses fill', () => {
    const [begun, ended] = [new Set<Socket>(), new Set<Socket>()];
    let clock: VirtualClock;
    let gate: HandshakeGate;
    beforeEach(() => {
      begun.clear();
      ended.clear();
      clock = new VirtualClock();
      gate = new HandshakeGate((socket) => begun.add(socket), clock, 10_000);
    });

    function enter(address: string): Socket {
      const socket = guest(address);
      socket.once('close', () => ended.add(socket));
      gate.enter(socket);
      return socket;
    }

    function fill(each: number): void {
      for (let index = 0; index < 50 * each; index += 1) enter(`127.9.0.${index % 50}`);
    }

    it('takes a place from one of them who does not get on, for who has none', () => {
      fill(MAX_PENDING_PER_SOURCE);
      const early = enter('10.0.0.1');
      expect([begun.size, begun.has(early)]).to.deep.equal([MAX_PENDING_HANDSHAKES, false]);

      clock.advance(HANDSHAKE_GRACE_MS);
      const late = enter('10.0.0.2');
      fill(MAX_PENDING_PER_SOURCE);

      expect([early, late].map((socket) => begun.has(socket) && !ended.has(socket))).to.deep.equal([true, true]);
      expect([...begun].filter((socket) => !ended.has(socket))).to.have.length(MAX_PENDING_HANDSHAKES);
    });

    it('takes from them a place in a full line, too', () => {
      fill(50);
      expect(ended.size).to.be.above(0);

      const honest = enter('10.0.0.1');
      fill(50);

      expect(ended.has(honest)).to.equal(false);
    });
  });

  it('forgets everything about guests that have gone', () => {
    const begun: Socket[] = [];
    const clock = new VirtualClock();
    const gate = new HandshakeGate((socket) => begun.push(socket), clock, 10_000);
    for (let index = 0; index < 100; index += 1) gate.enter(guest('10.0.0.1'));

    clock.advance(10_000);

    expect(clock.pendingTimers).to.equal(0);
    gate.enter(guest('10.0.0.1'));
    expect(begun.length).to.be.greaterThan(MAX_PENDING_PER_SOURCE);
  });
});
