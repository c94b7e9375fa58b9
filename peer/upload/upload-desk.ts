import type { Clock } from '../../common/runtime/clock.js';
import type { FairQueue } from '../file-port/fair-queue.js';
import type { RateMeter } from '../file-port/rate-meter.js';
import type { BlockPool } from '../file-port/run-block.js';
import type { RateShares } from '../rates/rate-shares.js';
import type { SourceReceipts } from '../receipts/lane-receipts.js';
import type { ChunkChecks } from './chunk-checks.js';
import type { Lease } from './served-files.js';
import type { SharedFile, SharedFiles } from './shared-file.js';
import type { TicketGate } from './ticket-gate.js';

/** What all connections share that are being served. */
export interface UploadDesk {
  readonly files: SharedFiles;
  readonly tickets: TicketGate;
  readonly checks: ChunkChecks;
  readonly slots: FairQueue;
  readonly rates: RateShares;
  readonly blocks: BlockPool;
  readonly meter: RateMeter;
  readonly receipts: SourceReceipts | undefined;
  readonly clock: Clock;
  /** Opens it. What is not as it was hashed is told to the library. @throws {ProtocolError} `changed`, `gone`, `checking`. */
  lease(shared: SharedFile): Promise<Lease>;
  /** The file is not any more what was published: everybody who fetches it is told, and the library. */
  fileChanged(shared: SharedFile): void;
  /** A file inside the folder is not what was published: the library should look at it again. */
  folderChanged(shared: SharedFile): void;
}
