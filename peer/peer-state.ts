/** What interfaces see of a running peer, gathered from its parts; some of them are not there yet while it starts. */
import { formatPin, parsePin } from '../common/wire/identity.js';
import type { PeerState } from './api.js';
import type { Downloads } from './download/downloads.js';
import type { FileServer } from './file-server.js';
import type { PeerRates } from './rates/peer-rates.js';
import type { OwnState } from './state-board.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

export interface StateSources {
  readonly place: { readonly host: string; readonly port: number; readonly pin: string };
  readonly user: string;
  readonly tracker: TrackerClient | undefined;
  readonly fileServer: FileServer | undefined;
  /** Of this device; asked for when there is a file server. */
  readonly ownPin: () => string;
  readonly rates: PeerRates | undefined;
  /** Its own, and a depot's. */
  readonly downloads: readonly (Downloads | undefined)[];
}

export function peerState(sources: StateSources): Omit<PeerState, OwnState> {
  const { place, user, tracker, fileServer, ownPin, rates } = sources;
  const downloads = sources.downloads.filter((one) => one !== undefined);
  const filePort = fileServer && { host: fileServer.host, port: fileServer.port, pin: formatPin(ownPin()) };
  return {
    tracker: { address: tracker?.address ?? `${place.host}:${place.port}`, pin: formatPin(parsePin(place.pin)) },
    user,
    connection: tracker?.state ?? { kind: 'connecting' },
    ...(filePort === undefined ? {} : { filePort }),
    receivedBytesPerSecond: downloads.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0),
    sentBytesPerSecond: fileServer?.bytesPerSecond ?? 0,
    ...rates?.shown,
    downloads: downloads.flatMap((one) => one.rows()),
    uploads: fileServer?.rows() ?? [],
  };
}
