/** What one download may hold in memory of what it was sent: chunks of a file of terabytes are large, and a source sends whole ones. */
const MIB = 1024 * 1024;
/** Sources used at once: more would split the line without making it faster. */
const MAX_SOURCES = 16;
/** Of chunks that are still coming, one from each source; one chunk always fits. */
const MAX_COMING_BYTES = 64 * MIB;
/**
 * Whole chunks of all sources that wait to be proven and written: as many as come in this time, ms, within these bounds. At half a
 * gigabyte a second 2 MiB are so little that network and disk wait for each other in turns.
 */
const WAITING_MS = 8;
const LEAST_WAITING_BYTES = 2 * MIB;
const MOST_WAITING_BYTES = 4 * MIB;
/** While one is written another may wait, as long as both are not larger than this. */
const MAX_TWO_WAITING_BYTES = 32 * MIB;

/** As fast as a link of a gigabit brings it, bytes a second: up to there the network waits for us in any case. */
const UNHURRIED_BYTES_PER_SECOND = 128 * MIB;

/** How many sources may send at once. */
export function sourcesAtOnce(chunkSize: number): number {
  return Math.max(1, Math.min(MAX_SOURCES, Math.floor(MAX_COMING_BYTES / chunkSize)));
}

/** When so much waits for the disk nothing is taken from the network, bytes. At least one chunk. */
export function mostWaitingBytes(chunkSize: number, bytesPerSecond: number): number {
  const coming = Math.min(MOST_WAITING_BYTES, (bytesPerSecond * WAITING_MS) / 1_000);
  return Math.max(LEAST_WAITING_BYTES, coming, chunkSize, Math.min(2 * chunkSize, MAX_TWO_WAITING_BYTES));
}

/**
 * How many whole chunks of one source may wait to be proven and written while more is taken from it; `proven` of it were right. From a
 * source that is not fast none: all that is lost when the program is killed, or the source lies, is one chunk of it. From a fast one, for
 * which that is too slow, no more than it has proven: one that lies brings us more than it costs.
 */
export function mostUnproven(proven: number, bytesPerSecond: number): number {
  return bytesPerSecond < UNHURRIED_BYTES_PER_SECOND ? 0 : Math.max(1, proven);
}
