/** How much of a file is asked of one source ahead of what has come. Pure. */

/** Asked for ahead: what comes in this time, ms, within the bounds below; so the line never runs dry between requests. */
const WINDOW_MS = 1_000;
const LEAST_WINDOW_BYTES = 2 * 1024 * 1024;
const MOST_WINDOW_BYTES = 64 * 1024 * 1024;
/** With several sources each is asked for less ahead: what waits at one could come sooner from another. */
const SHARED_WINDOW_MS = 500;

export interface WindowState {
  /** Of this source, lately. */
  readonly bytesPerSecond: number;
  readonly chunkSize: number;
  /** Chunks that it was asked for and that have not come; of one that is coming, the rest. */
  readonly asked: number;
  /** There are other sources. */
  readonly isShared: boolean;
  /** Asked for ahead at least, while there is no other source. Default: 2 MiB. */
  readonly leastWindowBytes?: number | undefined;
}

/** The most chunks to ask for in one request now; 0: none yet. */
export function chunksToAsk(state: WindowState): number {
  const { bytesPerSecond, chunkSize, asked, isShared, leastWindowBytes = LEAST_WINDOW_BYTES } = state;
  const [ms, least] = isShared ? [SHARED_WINDOW_MS, 0] : [WINDOW_MS, leastWindowBytes];
  const bytes = Math.min(MOST_WINDOW_BYTES, Math.max(least, (bytesPerSecond * ms) / 1_000));
  // Alone there is one chunk on its way, and the next behind it; where lines of many requests are long, everybody has everything late.
  const half = Math.max(isShared ? 0 : 1, bytes / chunkSize / 2);
  return asked <= half ? Math.max(1, Math.ceil(half)) : 0;
}
