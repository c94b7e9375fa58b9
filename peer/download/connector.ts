import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { TransferSource } from '../api.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import type { Address } from './download-tracker.js';
import { type Dial, raceAddresses } from './race-addresses.js';

/** The way a connection took: we dialled, the source did because it was asked to, or both met at the tracker. */
export type Via = NonNullable<TransferSource['via']>;

/** A source that is to be connected to. */
export interface WantedSource {
  readonly user: string;
  /** Its pin. */
  readonly device: string;
  /** Under which it is asked: that we may fetch it is why anybody helps us to reach the source. */
  readonly publicationId: string;
  readonly addresses: readonly Address[];
}

export interface Connected {
  readonly connection: PeerConnection;
  readonly via: Via;
}

/** Gets a connection to a source. Knows no download. */
export interface Connector {
  /** Also a source without any address is worth a try. */
  readonly needsNoAddress: boolean;
  /** @throws {SourceFault} `unreachable`, or `signal.reason`. */
  connect(source: WantedSource, options: AbortOptions): Promise<Connected>;
}

/** Dials, and nothing else. */
export function directly(dial: Dial, clock?: Clock): Connector {
  return {
    needsNoAddress: false,
    connect: async ({ addresses, device }, { signal }) => ({
      connection: await raceAddresses(addresses, { pin: device, dial, clock, signal }),
      via: 'direct',
    }),
  };
}
