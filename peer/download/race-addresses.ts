import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { type AbortOptions, sleep, withDeadline } from '../../common/runtime/deadline.js';
import { CONNECT_TIMEOUT_MS } from '../file-port/dial-peer.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import type { Address } from './download-tracker.js';
import { dialFault, SourceFault } from './source-fault.js';

/** The next address is tried when the one before has not answered within this, ms: a dead LAN address must not cost seconds. */
const NEXT_AFTER_MS = 300;
/** More addresses than this nobody has honestly. */
const MAX_ADDRESSES = 8;

export type Dial = (address: Address, pin: string, options: AbortOptions) => Promise<PeerConnection>;

export interface RaceOptions extends AbortOptions {
  readonly pin: string;
  readonly dial: Dial;
  readonly clock?: Clock | undefined;
}

/** Dials the addresses of one source, the best first, and keeps the first connection. @throws {SourceFault} `unreachable`. */
export async function raceAddresses(addresses: readonly Address[], options: RaceOptions): Promise<PeerConnection> {
  const { pin, dial, clock = systemClock, signal } = options;
  const settled = new AbortController();
  let isWon = false;
  const over = AbortSignal.any([signal, settled.signal]);
  const attempts = addresses.slice(0, MAX_ADDRESSES).map(async (address, index) => {
    if (index > 0) await sleep(index * NEXT_AFTER_MS, { signal: over, clock });
    const connection = await inTime(({ signal }) => dial(address, pin, { signal }), over);
    if (isWon) {
      connection.close();
      throw new SourceFault('unreachable', 'another address was sooner');
    }
    isWon = true;
    return connection;
  });
  try {
    return await Promise.any(attempts);
  } catch (error) {
    signal.throwIfAborted();
    throw dialFault(error instanceof AggregateError ? error.errors[0] : error);
  } finally {
    settled.abort();
  }
}

/** Whatever `dial` waits for: a name may be looked up for long, and that cannot be stopped. What comes too late is closed. */
async function inTime(
  dial: (options: AbortOptions) => Promise<PeerConnection>,
  over: AbortSignal,
): Promise<PeerConnection> {
  using deadline = withDeadline(over, CONNECT_TIMEOUT_MS);
  const { signal } = deadline;
  const dialled = dial({ signal });
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  try {
    return await Promise.race([dialled, tooLate]);
  } catch (error) {
    dialled.then((connection) => connection.close()).catch(() => undefined); // It failed by itself: said above.
    throw error;
  }
}
