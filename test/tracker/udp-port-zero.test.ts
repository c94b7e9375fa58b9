import { randomBytes } from 'node:crypto';
import { Socket } from 'node:dgram';
import { expect } from 'chai';
import { encodeHello } from '../../common/wire/datagrams.js';
import { request } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

/** The next UDP socket that is bound: no ordinary program can send from port 0, so the datagram is put in behind the kernel. */
async function withBound(start: () => Promise<TestTracker>): Promise<{ tracker: TestTracker; socket: Socket }> {
  const bound: Socket[] = [];
  const { bind } = Socket.prototype;
  Socket.prototype.bind = function (this: Socket, ...args: unknown[]) {
    bound.push(this);
    return bind.apply(this, args as Parameters<typeof bind>);
  };
  try {
    const tracker = await start();
    const socket = bound.at(-1);
    if (socket === undefined) throw new Error('the tracker bound no UDP socket');
    return { tracker, socket };
  } finally {
    Socket.prototype.bind = bind;
  }
}

describe('the UDP port and what cannot be answered', () => {
  let tracker: TestTracker;
  let socket: Socket;
  beforeEach(async () => {
    ({ tracker, socket } = await withBound(() => TestTracker.start()));
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const hello = encodeHello(randomBytes(16));
  const data = Buffer.concat([Buffer.from([1, 4]), randomBytes(100)]);
  const arrive = (datagram: Buffer, remote: { address: string; port: number }): boolean =>
    socket.emit('message', datagram, { family: 'IPv4', size: datagram.length, ...remote });

  for (const [name, datagram] of [
    ['a hello', hello],
    ['data of no session', data],
  ] as const) {
    it(`drops ${name} that says it comes from port 0, and goes on`, async () => {
      arrive(datagram, { address: '127.0.0.1', port: 0 });

      expect(tracker.tracker.udp.drops.malformed).to.equal(1);
      const { client } = await tracker.enterUdp('alice');
      expect((await client.ask(request('heartbeat'))).ok).to.equal(true);
    });
  }

  it('outlives a datagram that makes its own code fail', async () => {
    arrive(hello, { address: '127.0.0.1', port: 70_000 }); // stands for any fault of ours: Node refuses to send there

    expect(tracker.tracker.udp.drops.failed).to.equal(1);
    const { client } = await tracker.enterUdp('alice');
    expect((await client.ask(request('heartbeat'))).ok).to.equal(true);
  });
});
