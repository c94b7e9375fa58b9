import { ProtocolError } from '../../common/protocol/errors.js';
import type { Ticket } from '../../common/protocol/peer-messages.js';
import type { RateShare } from '../rates/rate-shares.js';
import type { FolderLeases } from './folder-leases.js';
import type { Lease } from './served-files.js';
import type { SharedFile } from './shared-file.js';
import type { UploadTally } from './upload-row.js';

/** What one ticket gives one connection: the open file, until the connection ends or the file changes. */
export interface Grant extends Disposable {
  readonly ticket: Ticket;
  readonly shared: SharedFile;
  readonly lease: Lease;
  /** Files inside, when it is a folder. */
  readonly inside: FolderLeases;
  readonly tally: UploadTally;
  readonly share: RateShare;
  /** Requests that are being answered under it; aborted with the error that ends them. */
  readonly running: Set<AbortController>;
}

/** Ends everything under a grant: requests in work answer with `error`. */
export function endGrant(grant: Grant, error: ProtocolError): void {
  for (const request of grant.running) request.abort(error);
}

/** The error of work that was aborted, in words of the protocol. */
export function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  return new ProtocolError('internal', undefined, { cause: error });
}
