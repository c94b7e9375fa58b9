/** Puts a depot together: its disk, its downloads, and what looks for work. Its downloads are apart, since they draw from other sources. */
import type { Clock } from '../../common/runtime/clock.js';
import type { Lifecycle } from '../../common/runtime/lifecycle.js';
import type { Connector } from '../download/connector.js';
import { Downloads, type DownloadsOptions } from '../download/downloads.js';
import { localFolders } from '../folder-parts.js';
import { FolderIndex } from '../library/folders/folder-index.js';
import { Folders } from '../library/folders/folders.js';
import type { FileHasher } from '../library/hashing/hash-file.js';
import type { FetchReceipts } from '../receipts/fetch-receipts.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import type { SharedFiles } from '../upload/shared-file.js';
import { Depot } from './depot.js';
import { DepotCopies } from './depot-copies.js';
import { DepotTracker } from './depot-tracker.js';
import { CopyReader } from './read-copy.js';

export interface MakeDepotOptions {
  /** Everything it keeps. */
  readonly dir: string;
  /** Bytes. */
  readonly capacity: number;
  readonly maxRunning: number | undefined;
  readonly tracker: Pick<TrackerClient, 'request'>;
  readonly observedHost: () => string;
  readonly receipts: FetchReceipts;
  readonly ownPin: string;
  readonly connector: Connector;
  readonly hasher: FileHasher;
  readonly rates: DownloadsOptions['rates'];
  readonly clock: Clock;
  notice(level: 'info' | 'warning' | 'error', text: string): void;
  onUpdate(): void;
}

export interface MadeDepot {
  readonly depot: Depot;
  readonly downloads: Downloads;
  /** What it serves. */
  readonly shared: SharedFiles;
}

/** Its parts end with `lifecycle`. */
export async function makeDepot(lifecycle: Lifecycle, options: MakeDepotOptions): Promise<MadeDepot> {
  const {
    dir,
    capacity,
    maxRunning,
    tracker,
    observedHost,
    receipts,
    ownPin,
    connector,
    hasher,
    rates,
    clock,
    notice,
    onUpdate,
  } = options;
  const folders = new Folders({ stateDir: dir, hasher, clock });
  lifecycle.defer(() => folders.close());
  const index = new FolderIndex(dir, clock);
  lifecycle.defer(() => index.close());
  const copies = await DepotCopies.open(dir, { folders, index, clock });
  const downloads = lifecycle.add(
    new Downloads({
      tracker: new DepotTracker(tracker, observedHost, receipts),
      ownPin,
      isSharing: false,
      maxRunning,
      rates,
      clock,
      historyDir: dir,
      folders: localFolders(folders, index),
      connector,
      onNotice: () => undefined, // the depot tells its own
      onUpdate,
    }),
  );
  const depot = lifecycle.add(
    new Depot({ capacity, copies, reader: new CopyReader({ hasher, folders }), downloads, tracker, clock, notice }),
  );
  return { depot, downloads, shared: copies.shared };
}
