/** Bytes that no program of ours sends, thrown at its ports, and what comes back. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Identity } from '../../common/wire/identity.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import { waitFor } from '../support/wait-for.js';

/** Sends bytes to a TCP port without TLS and waits until it hangs up, or has had its chance. */
export async function shout(port: number, bytes: Buffer): Promise<void> {
  const socket = connectTcp(port, '127.0.0.1');
  const closed = closeOf(socket);
  socket.on('data', () => undefined);
  socket.end(bytes);
  const timer = setTimeout(() => socket.destroy(), 500);
  await closed;
  clearTimeout(timer);
}

/** When a connection is over, in whatever way: a reset is an answer too. */
function closeOf(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => undefined); // `close` follows
  socket.once('close', () => resolve());
  return promise;
}

/** Sends one datagram and returns what came back for it. */
export async function sendDatagram(port: number, bytes: Buffer): Promise<Buffer[]> {
  const socket = createSocket('udp4');
  const replies: Buffer[] = [];
  socket.on('message', (reply) => replies.push(reply));
  socket.send(bytes, port, '127.0.0.1');
  // A hello of ours behind it: when that is answered, whatever the first brought has come too.
  const hello = Buffer.alloc(1200);
  hello.set([1, 1]);
  randomBytes(16).copy(hello, 2);
  socket.send(hello, port, '127.0.0.1');
  const isOurs = (reply: Buffer): boolean => reply.subarray(2, 18).equals(hello.subarray(2, 18));
  await waitFor(() => replies.some(isOurs), { what: 'the answer to a right hello' });
  socket.close();
  return replies.filter((reply) => !isOurs(reply));
}

interface Lane {
  readonly host: string;
  readonly port: number;
  readonly pin: string;
  readonly alpn: string;
  readonly identity?: Identity;
}

/** What the lane answers to these bytes until it hangs up, or for half a second. */
export async function tell({ host, port, pin, alpn, identity }: Lane, bytes: Buffer): Promise<string> {
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
  const heard: Buffer[] = [];
  socket.on('data', (part: Buffer) => heard.push(part));
  const closed = closeOf(socket);
  socket.write(bytes);
  const timer = setTimeout(() => socket.destroy(), 500);
  await closed;
  clearTimeout(timer);
  return Buffer.concat(heard).toString();
}
