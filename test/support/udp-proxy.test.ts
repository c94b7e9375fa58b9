import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { startUdpProxy, type UdpFaults, type UdpProxy, type UdpProxyOptions } from './faultnet.js';
import { waitFor } from './wait-for.js';

/** A socket that keeps what it receives, with the port it came from. */
interface Listener extends AsyncDisposable {
  readonly socket: Socket;
  readonly port: number;
  readonly received: { text: string; from: number }[];
}

async function listen(onMessage?: (socket: Socket, bytes: Buffer, port: number) => void): Promise<Listener> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const received: Listener['received'] = [];
  socket.on('message', (bytes, from) => {
    received.push({ text: bytes.toString('latin1'), from: from.port });
    onMessage?.(socket, bytes, from.port);
  });
  const dispose = async (): Promise<void> => {
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  };
  return { socket, port: socket.address().port, received, [Symbol.asyncDispose]: dispose };
}

const echo = (socket: Socket, bytes: Buffer, port: number): void => socket.send(bytes, port, '127.0.0.1');
const delivered = (listener: Listener): string[] => listener.received.map(({ text }) => text);

describe('support/udp-proxy', () => {
  it('carries datagrams to the target and replies back to each client, and counts and records them', async () => {
    await using target = await listen(echo);
    await using proxy = await startUdpProxy({ target: { host: '127.0.0.1', port: target.port } });
    await using ann = await listen();
    await using bob = await listen();

    ann.socket.send('from ann', proxy.port, proxy.host);
    bob.socket.send('from bob', proxy.port, proxy.host);
    await waitFor(() => ann.received.length > 0 && bob.received.length > 0, { what: 'both replies' });

    expect(delivered(ann)).to.deep.equal(['from ann']);
    expect(delivered(bob)).to.deep.equal(['from bob']);
    expect(new Set(target.received.map(({ from }) => from)).size).to.equal(2);
    expect(proxy.counters.toTarget).to.include({ seen: 2, delivered: 2, dropped: 0 });
    expect(proxy.counters.toClient).to.include({ seen: 2, delivered: 2 });
    expect(
      proxy.datagrams
        .filter(({ direction }) => direction === 'toTarget')
        .map(({ bytes }) => String(bytes))
        .sort(),
    ).to.deep.equal(['from ann', 'from bob']);
  });

  it('repeats its faults from the seed', async () => {
    const faults: UdpFaults = { loss: 0.3, duplicate: 0.2, corrupt: 0.1, truncate: 0.1 };

    const first = await outcome({ ...faults, seed: 42 });
    const again = await outcome({ ...faults, seed: 42 });
    const other = await outcome({ ...faults, seed: 43 });

    expect(again).to.deep.equal(first);
    expect(other).to.not.deep.equal(first);
  });

  it('does each fault about as often as asked', async () => {
    const { counters, texts } = await outcome(
      { loss: 0.2, duplicate: 0.1, corrupt: 0.1, truncate: 0.1, seed: 5 },
      2000,
    );

    expect(counters.dropped).to.be.within(330, 470);
    expect(counters.duplicated).to.be.within(110, 220);
    expect(counters.corrupted).to.be.within(110, 220);
    expect(counters.truncated).to.be.within(110, 220);
    expect(counters.delivered).to.equal(2000 - counters.dropped + counters.duplicated);
    expect(texts.length).to.equal(counters.delivered);
  });

  it('reorders, and loses nothing by it', async () => {
    const { counters, texts } = await outcome({ reorder: 0.25, seed: 3 }, 400);

    expect(counters.reordered).to.be.within(40, 120);
    expect(texts).to.not.deep.equal([...texts].sort());
    expect([...texts].sort()).to.deep.equal(Array.from({ length: 400 }, (_, index) => label(index)));
  });

  it('delays', async () => {
    await using target = await listen(echo);
    await using proxy = await startUdpProxy({ target: { host: '127.0.0.1', port: target.port }, delayMs: [40, 60] });
    await using client = await listen();
    const startedAt = performance.now();

    client.socket.send('x', proxy.port, proxy.host);
    await waitFor(() => client.received.length > 0);

    expect(performance.now() - startedAt).to.be.at.least(79);
  });

  it('can be limited to one direction and be changed while it runs', async () => {
    await using target = await listen(echo);
    await using proxy = await startUdpProxy({
      target: { host: '127.0.0.1', port: target.port },
      loss: 1,
      only: 'toClient',
    });
    await using client = await listen();

    client.socket.send('one', proxy.port, proxy.host);
    await waitFor(() => proxy.counters.toClient.dropped === 1, { what: 'the reply to be lost' });
    proxy.setFaults({});
    client.socket.send('two', proxy.port, proxy.host);
    await waitFor(() => client.received.length > 0);

    expect(delivered(target)).to.deep.equal(['one', 'two']);
    expect(delivered(client)).to.deep.equal(['two']);
  });

  it('lets a filter drop or replace datagrams', async () => {
    await using target = await listen();
    const filter = (datagram: Buffer) =>
      datagram.includes('secret') ? false : datagram.includes('old') ? Buffer.from('new') : undefined;
    await using proxy = await startUdpProxy({ target: { host: '127.0.0.1', port: target.port }, filter });
    await using client = await listen();

    for (const text of ['secret', 'old', 'plain']) client.socket.send(text, proxy.port, proxy.host);
    await waitFor(() => target.received.length === 2);

    expect(delivered(target)).to.deep.equal(['new', 'plain']);
    expect(proxy.counters.toTarget.filtered).to.equal(1);
  });

  it('changes the source port of a client, and replies follow', async () => {
    await using target = await listen(echo);
    await using proxy = await startUdpProxy({ target: { host: '127.0.0.1', port: target.port } });
    await using client = await listen();
    client.socket.send('before', proxy.port, proxy.host);
    await waitFor(() => client.received.length === 1);

    await proxy.changeSourcePort();
    client.socket.send('after', proxy.port, proxy.host);
    await waitFor(() => client.received.length === 2);

    expect(target.received[0]?.from).to.not.equal(target.received[1]?.from);
    expect(await proxy.sourcePorts()).to.deep.equal([target.received[1]?.from]);
  });

  it('injects datagrams as the client and as the target', async () => {
    await using target = await listen();
    await using proxy = await startUdpProxy({ target: { host: '127.0.0.1', port: target.port } });
    await using client = await listen();
    client.socket.send('real', proxy.port, proxy.host);
    await waitFor(() => target.received.length === 1);

    await proxy.injectToTarget(Buffer.from('forged'));
    await proxy.injectToClient(Buffer.from('false reply'));
    await waitFor(() => target.received.length === 2 && client.received.length === 1);

    expect(target.received[1]).to.deep.equal({ text: 'forged', from: target.received[0]?.from });
    expect(client.received[0]).to.deep.equal({ text: 'false reply', from: proxy.port });
  });
});

function label(index: number): string {
  return `datagram ${String(index).padStart(5, '0')}`;
}

/** Sends numbered datagrams one after the other through a proxy and says what the target got. */
async function outcome(faults: Omit<UdpProxyOptions, 'target'>, count = 200) {
  await using target = await listen();
  await using proxy = await startUdpProxy({ ...faults, target: { host: '127.0.0.1', port: target.port } });
  await using client = await listen();
  const counters = proxy.counters.toTarget;
  for (let index = 0; index < count; index += 1) {
    client.socket.send(label(index), proxy.port, proxy.host);
    if (index % 50 === 49) await waitFor(() => counters.seen === index + 1, { what: `${index + 1} datagrams` });
  }
  await allDelivered(proxy, target);
  return { counters, texts: delivered(target) };
}

async function allDelivered(proxy: UdpProxy, target: Listener): Promise<void> {
  const {
    counters: { toTarget: counters },
  } = proxy;
  const expected = (): number => counters.seen - counters.dropped + counters.duplicated;
  await waitFor(() => counters.delivered === expected() && target.received.length === expected(), {
    what: 'the last datagram',
  });
}
