/**
 * TLS 1.3 between programs that know each other by pin. No certificate authority is asked, so this is the only file that may say
 * `rejectUnauthorized: false`: the pin is compared before a socket leaves `connectPinned`.
 */
import { once } from 'node:events';
import { isIP, type OnReadOpts } from 'node:net';
import { type ConnectionOptions, connect, createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { TLS_HANDSHAKE_DEADLINE_MS } from '../protocol/limits.js';
import { withDeadline } from '../runtime/deadline.js';
import { formatPin, type Identity, pinOfSpki } from './identity.js';

/** Hybrid first: recorded traffic stays closed to a later quantum computer. The others are for clients that do not know it. */
const GROUPS = 'X25519MLKEM768:X25519:P-256';
/** The cheapest first: bulk data costs a quarter less with AES-128 than with AES-256, Node's own first choice. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
const KEEP_ALIVE_MS = 30_000;

/** The other side has another key than the one that is trusted. Nothing but a handshake was sent to it. */
export class PinMismatchError extends Error {
  override readonly name = 'PinMismatchError';
  readonly code = 'pin-mismatch';

  /** Both pins are 64 hex digits. */
  constructor(
    readonly expected: string,
    readonly found: string,
  ) {
    super(
      `The other side showed the key ${formatPin(found)} instead of ${formatPin(expected)}. Nothing was sent to it.`,
    );
  }
}

/** IPv4 or IPv6 address or host name; or a connection that leads to the other side already, such as a relayed one. */
type Route = { readonly host: string; readonly port: number } | { readonly over: TLSSocket };

export type PinnedTarget = Route & PinnedWish;

interface PinnedWish {
  /** 64 hex digits; without it whatever key is there is reported, for first contact only. */
  readonly pin?: string | undefined;
  readonly alpn: string;
  /** Shown as client certificate. */
  readonly identity?: Identity | undefined;
  /** Takes what is read, from the end of the handshake on: the socket has no `data` events then. */
  readonly onread?: OnReadOpts | undefined;
  /** For everything from name look-up to the end of the handshake, from the call. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface PinnedConnection {
  readonly socket: TLSSocket;
  readonly pin: string;
  readonly spki: Buffer;
}

/**
 * Connects and proves the other side's key; the caller closes the socket.
 * @throws {PinMismatchError}; a DeadlineError after `timeoutMs`; `signal.reason`; or the system's error. The socket is destroyed then.
 */
export async function connectPinned(target: PinnedTarget): Promise<PinnedConnection> {
  target.signal.throwIfAborted();
  using deadline = withDeadline(target.signal, target.timeoutMs);
  const socket = connect(connectionOptions(target));
  // `close` follows every error. One may come before the caller listens, or after the socket was given up: neither may end the program.
  socket.on('error', () => undefined);
  try {
    await secured(socket, deadline.signal);
    return judge(socket, target);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

export interface AcceptedWish {
  readonly identity: Identity;
  readonly alpn: string;
  /** 64 hex digits: who must be at the other side. */
  readonly pin: string;
  /** For the handshake, from the call. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The accepting side of `connectPinned` over a connection that is there already. @throws as it does; `over` is destroyed then. */
export async function acceptPinned(over: TLSSocket, wish: AcceptedWish): Promise<TLSSocket> {
  const { identity, alpn, pin, timeoutMs, signal } = wish;
  using deadline = withDeadline(signal, timeoutMs);
  const server = createServer(serverTlsOptions(identity, [alpn], { requestClientCert: true }));
  server.on('tlsClientError', (error) => server.emit('error', error));
  try {
    const accepted = once(server, 'secureConnection', { signal: deadline.signal });
    server.emit('connection', over);
    const [socket] = (await accepted) as [TLSSocket];
    socket.on('error', () => undefined);
    return judge(socket, { pin, alpn }).socket;
  } catch (error) {
    over.destroy();
    throw deadline.signal.aborted ? deadline.signal.reason : error;
  }
}

/** For `tls.createServer`: TLS 1.3 only. Client certificates are asked for when wanted, and judged by `pinOfSocket` alone. */
export function serverTlsOptions(
  identity: Identity,
  alpn: readonly string[],
  { requestClientCert = false }: { readonly requestClientCert?: boolean } = {},
): TlsOptions {
  return {
    key: identity.keyPem,
    cert: identity.certPem,
    ALPNProtocols: [...alpn],
    minVersion: 'TLSv1.3',
    ecdhCurve: GROUPS,
    ciphers: CIPHERS,
    handshakeTimeout: TLS_HANDSHAKE_DEADLINE_MS,
    requestCert: requestClientCert,
    rejectUnauthorized: false,
  };
}

/** Pin of the other side's certificate, whose key it has proven in the handshake; undefined when it showed none. */
export function pinOfSocket(socket: TLSSocket): string | undefined {
  const spki = spkiOf(socket);
  return spki === undefined ? undefined : pinOfSpki(spki);
}

/** Name of the key exchange group, such as `X25519MLKEM768`. Node tells it to the end that connected; elsewhere `unknown`. */
export function keyExchangeOf(socket: TLSSocket): string {
  const info = socket.getEphemeralKeyInfo();
  return info !== null && 'name' in info && typeof info.name === 'string' ? info.name : 'unknown';
}

/** Node's own types know `onread` only for plain sockets. */
type Options = ConnectionOptions & { readonly onread?: OnReadOpts };

function connectionOptions({ alpn, identity, onread, ...route }: PinnedTarget): Options {
  return {
    ...('over' in route ? { socket: route.over } : routeTo(route.host, route.port)),
    ALPNProtocols: [alpn],
    minVersion: 'TLSv1.3',
    ecdhCurve: GROUPS,
    ciphers: CIPHERS,
    rejectUnauthorized: false,
    ...(identity === undefined ? {} : { key: identity.keyPem, cert: identity.certPem }),
    ...(onread === undefined ? {} : { onread }),
  };
}

function routeTo(host: string, port: number): ConnectionOptions {
  return { host, port, ...(isIP(host) === 0 ? { servername: host } : {}) };
}

async function secured(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  try {
    await once(socket, 'secureConnect', { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error; // `once` wraps the reason in an AbortError of its own
  }
}

function judge(socket: TLSSocket, { pin: expected, alpn }: Pick<PinnedWish, 'pin' | 'alpn'>): PinnedConnection {
  if (socket.destroyed) throw socket.errored ?? new Error('The other side hung up.');
  const spki = spkiOf(socket);
  if (spki === undefined) throw new Error('The other side showed no certificate.');
  const pin = pinOfSpki(spki);
  if (expected !== undefined && pin !== expected) throw new PinMismatchError(expected, pin);
  if (socket.alpnProtocol !== alpn) throw new Error(`The other side does not speak ${alpn}.`);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return { socket, pin, spki };
}

function spkiOf(socket: TLSSocket): Buffer | undefined {
  return socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
}
