/** Connections to other peers through the tracker's relay: TLS between the two peers, with both pins checked, inside TLS to the tracker. */
import type { RelayHello } from '../../common/protocol/reach-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Identity } from '../../common/wire/identity.js';
import { acceptPinned, connectPinned } from '../../common/wire/pinned-tls.js';
import { ALPN_PEER } from '../file-port/alpn.js';
import { PeerConnection } from '../file-port/peer-connection.js';
import { joinRelay, type RelayPlace } from './relay-line.js';

/** Both are at the relay by then: the handshake takes a few round trips, ms. */
const HANDSHAKE_TIMEOUT_MS = 5_000;

export interface RelayedOptions {
  readonly place: RelayPlace;
  readonly hello: Omit<RelayHello, 'v'>;
  /** The other device. */
  readonly pin: string;
  readonly identity: Identity;
  readonly clock: Clock;
}

/** The asker's end. @throws {RelayRefusal}, {PinMismatchError}, `signal.reason`, the system's errors. */
export async function connectRelayed(options: RelayedOptions, { signal }: AbortOptions): Promise<PeerConnection> {
  const { place, hello, pin, identity, clock } = options;
  const over = await joinRelay(place, hello, { signal });
  try {
    const target = { over, pin, identity, alpn: ALPN_PEER, timeoutMs: HANDSHAKE_TIMEOUT_MS, signal };
    return new PeerConnection((await connectPinned(target)).socket, { pin, clock });
  } catch (error) {
    over.destroy();
    throw error;
  }
}

/** The source's end. @throws as `connectRelayed`. */
export async function acceptRelayed(
  options: RelayedOptions & { readonly firstLineDeadlineMs: number },
  { signal }: AbortOptions,
): Promise<PeerConnection> {
  const { place, hello, pin, identity, clock, firstLineDeadlineMs } = options;
  const over = await joinRelay(place, hello, { signal });
  const wish = { pin, identity, alpn: ALPN_PEER, timeoutMs: HANDSHAKE_TIMEOUT_MS, signal };
  return new PeerConnection(await acceptPinned(over, wish), { pin, clock, firstLineDeadlineMs });
}
