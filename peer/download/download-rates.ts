import type { RateShare, RateShares } from '../rates/rate-shares.js';

/** The limits as one download sees them. */
export interface DownloadRates {
  /** What a connection to `device` may take. */
  open(device: string): RateShare;
  /** Connections that are worth having at once. */
  connections(): number;
}

export function ratesOf(transferId: string, rates: RateShares): DownloadRates {
  return {
    open: (peer) => rates.open({ owner: transferId, peer, transfer: transferId }),
    connections: () => rates.connectionsWorth(transferId),
  };
}
