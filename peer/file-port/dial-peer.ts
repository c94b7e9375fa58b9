import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Identity } from '../../common/wire/identity.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import { ALPN_PEER } from './alpn.js';
import { PeerConnection } from './peer-connection.js';
import { ReadIntake } from './read-intake.js';

/** A source that does not answer within this is left for another one, ms. */
export const CONNECT_TIMEOUT_MS = 3_000;

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** The device that must be there: nothing is sent to another one. */
  readonly pin: string;
  readonly identity: Identity;
  /** Gets the open connection first, so that the other end can request over it too. */
  readonly onPeer?: (connection: PeerConnection) => void;
  /** Closes the connection when no line comes within this, ms. */
  readonly firstLineDeadlineMs?: number;
  readonly clock?: Clock;
}

/** @throws {PinMismatchError} before a byte is sent; any other error means that no connection was made. */
export async function dialPeer(
  { host, port, pin, identity, onPeer, firstLineDeadlineMs, clock }: DialOptions,
  { signal }: AbortOptions,
): Promise<PeerConnection> {
  const intake = new ReadIntake();
  const { socket } = await connectPinned({
    host,
    port,
    pin,
    alpn: ALPN_PEER,
    identity,
    onread: intake.onread,
    timeoutMs: CONNECT_TIMEOUT_MS,
    signal,
  });
  const connection = new PeerConnection(socket, {
    pin,
    clock,
    intake,
    ...(firstLineDeadlineMs === undefined ? {} : { firstLineDeadlineMs }),
  });
  onPeer?.(connection);
  return connection;
}
