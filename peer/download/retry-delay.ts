import { PeerError, type PeerProblem } from '../api.js';

const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 5 * 60_000;
/** Whether a disk has room again is found out at once and without asking anybody, so it may be looked at more often. */
const LAST_DISK_RETRY_MS = 60_000;

/** What may come back without anybody doing anything about the download itself. */
const MAY_COME_BACK: ReadonlySet<PeerProblem['code']> = new Set(['no-source', 'tracker-unreachable', 'disk-full']);

/** True when the same download may succeed later. */
export function mayComeBack(error: unknown): error is PeerError {
  return error instanceof PeerError && MAY_COME_BACK.has(error.code);
}

/** How long to wait after `tries` failed ones in a row (from 1), ms: twice as long each time, up to five minutes. */
export function retryDelay({ code }: PeerProblem, tries: number): number {
  return Math.min(code === 'disk-full' ? LAST_DISK_RETRY_MS : LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (tries - 1));
}
