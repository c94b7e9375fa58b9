import type { Clock } from '../common/runtime/clock.js';
import type { Identity } from '../common/wire/identity.js';
import type { Dial } from './download/race-addresses.js';
import { dialPeer } from './file-port/dial-peer.js';
import { resolveDialable } from './reach/addresses.js';

export interface DialerOptions {
  readonly identity: Identity;
  readonly clock: Clock;
  /** Where the tracker sees us. */
  readonly observedHost: () => string;
  /** Closes a connection over which no line comes within this, ms. */
  readonly firstLineDeadlineMs?: number;
}

/** Dials other peers as this device; a name is judged when it is dialled. */
export function dialer({ observedHost, ...options }: DialerOptions): Dial {
  return async ({ host, port }, pin, { signal }) => {
    const address = await resolveDialable(host, observedHost());
    return dialPeer({ host: address, port, pin, ...options }, { signal });
  };
}
