// The competitors' presence: BEP 15 announces. They prove nothing about the sender, and carry no name, rights or search.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { packed, type Volley } from './load.js';

const PROTOCOL_MAGIC = 0x41727101980n;
const CONNECT = 0;
const ANNOUNCE = 1;
/** In an answer, the lowest byte of its action: 1 for an announce, 3 for an error. */
export const ANNOUNCE_ANSWER = { offset: 3, value: ANNOUNCE } as const;
const REPLY_TIMEOUT_MS = 5_000;

/** Announces of `infoHashes.length` peers, each of a torrent of its own, as often as the tracker wants to hear them. */
export async function announceVolley(port: number, infoHashes: readonly Buffer[]): Promise<Volley> {
  const socket = createSocket('udp4');
  try {
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const hello = Buffer.alloc(16);
    hello.writeBigUInt64BE(PROTOCOL_MAGIC);
    hello.writeUInt32BE(CONNECT, 8);
    randomBytes(4).copy(hello, 12);
    socket.send(hello);
    const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(REPLY_TIMEOUT_MS) })) as [Buffer];
    const connection = reply.subarray(8, 16);
    const { port: localPort } = socket.address() as AddressInfo;
    return { localPort, datagrams: packed(infoHashes.map((hash) => announce(connection, hash))) };
  } finally {
    socket.close();
  }
}

function announce(connection: Buffer, infoHash: Buffer): Buffer {
  const datagram = Buffer.alloc(98);
  connection.copy(datagram);
  datagram.writeUInt32BE(ANNOUNCE, 8);
  randomBytes(4).copy(datagram, 12);
  infoHash.copy(datagram, 16);
  randomBytes(20).copy(datagram, 36);
  datagram.writeUInt32BE(randomBytes(4).readUInt32BE(), 88); // key
  datagram.writeInt32BE(50, 92); // peers wanted
  datagram.writeUInt16BE(40_123, 96);
  return datagram;
}
