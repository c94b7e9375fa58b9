import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { serverTlsOptions } from '../../common/wire/pinned-tls.js';
import { CutOff } from '../../tracker/nodes/cut-off.js';
import { newIdentity } from '../wire/test-identity.js';

const signal = new AbortController().signal;

describe('a node that cannot reach the store', () => {
  it('asks the others whether they can, and does not wait for those that say nothing', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const identity = await newIdentity();
    const startNode = async (answers: (socket: TLSSocket) => void) => {
      const server = createServer(serverTlsOptions(identity, ['http/1.1']));
      cleanUp.defer(() => void server.close());
      const met = once(server, 'secureConnection');
      server.on('secureConnection', (socket) => {
        socket.on('error', () => undefined);
        answers(socket);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return { place: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, met };
    };
    const silent = await startNode((socket) => void socket.resume());
    const ready = await startNode((socket) => {
      // Only when the other has been asked as well: both are.
      socket.once('data', () => void silent.met.then(() => socket.write('HTTP/1.1 200 OK\r\n\r\n')));
    });
    const clock = new VirtualClock();
    const told: boolean[] = [];
    const place = { clock, pin: identity.pin, onRound: () => undefined, onCutOff: (is: boolean) => void told.push(is) };
    const cutOff = new CutOff(place);
    clock.advance(60_000);
    const [socket] = (await Promise.all([silent.met, cutOff.missed([silent.place, ready.place], { signal })]))[0] as [
      TLSSocket,
    ];

    expect(told).to.deep.equal([true]);
    if (!socket.closed) await once(socket, 'close'); // the clock stands still: no time limit ends it
    cutOff.reached();
    expect(told).to.deep.equal([true, false]);
  });
});
