import type { Clock } from '../../common/runtime/clock.js';
import { FairQueue } from '../file-port/fair-queue.js';

/** Transfers that send at once: each holds two blocks and a share of the line. */
export const MAX_ACTIVE_UPLOADS = 64;
/** Of one user. */
export const MAX_ACTIVE_PER_USER = 8;

export interface UploadSlotsOptions {
  readonly maxActive?: number | undefined;
  readonly maxActivePerUser?: number | undefined;
  readonly clock: Clock;
}

/** Places for sending, shared by the peer lane and the link lane. */
export function createUploadSlots(options: UploadSlotsOptions): FairQueue {
  const { maxActive = MAX_ACTIVE_UPLOADS, maxActivePerUser = MAX_ACTIVE_PER_USER, clock } = options;
  return new FairQueue({ places: maxActive, placesPerOwner: Math.min(maxActive, maxActivePerUser), clock });
}
