/**
 * Looks at our own file when a downloader says that a chunk of it is bad: the disk may be failing without a word. The attacker is a
 * downloader who says so of good chunks, 80 bytes each, to make us read and hash up to 64 MiB every time; hence the limits.
 */
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { ServedFiles } from './served-files.js';
import type { SharedFile } from './shared-file.js';

/** Reports of one user are looked at so often in this time, ms: honest ones come once a source and download. */
const MAX_CHECKS = 8;
const PER_MS = 60_000;
/** A chunk that was right is not read again for this long, ms, while its file was not touched. */
const RIGHT_FOR_MS = 60_000;
/** Chunks and users remembered, each; the oldest are forgotten. */
const MAX_REMEMBERED = 1_024;

export interface ChunkReport {
  readonly shared: SharedFile;
  readonly index: number;
  /** Who says so. */
  readonly user: string;
}

export interface ChunkChecksOptions {
  readonly served: ServedFiles;
  readonly clock?: Clock | undefined;
  /** The file is not what was published. */
  readonly onWrong: (shared: SharedFile) => void;
}

export class ChunkChecks {
  readonly #options: ChunkChecksOptions;
  readonly #clock: Clock;
  /** Until when a chunk counts as right, ms of the monotonic clock. */
  readonly #rightUntil = new Map<string, number>();
  readonly #countByUser = new Map<string, { count: number; readonly until: number }>();
  #isChecking = false;

  constructor(options: ChunkChecksOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Takes a report. Dropped when another is being looked at, or its user has had their share: whoever finds it next says it again. */
  async report(report: ChunkReport): Promise<void> {
    if (this.#isChecking || !this.#mayAsk(report.user)) return;
    this.#isChecking = true;
    try {
      if (!(await this.#isRight(report))) this.#options.onWrong(report.shared);
    } catch {
      this.#options.onWrong(report.shared); // It cannot even be read.
    } finally {
      this.#isChecking = false;
    }
  }

  async #isRight({ shared, index }: ChunkReport): Promise<boolean> {
    const key = `${shared.publicationId} ${shared.fileId} ${index}`;
    // A lease of its own: who reports and leaves at once must not close the file under us.
    using lease = await this.#options.served.acquire(shared);
    const wasRight = (this.#rightUntil.get(key) ?? 0) > this.#clock.monotonic();
    if (wasRight && (await lease.file.isUntouched())) return true;
    const isRight = await lease.file.checkChunk(index);
    if (isRight) remember(this.#rightUntil, key, this.#clock.monotonic() + RIGHT_FOR_MS);
    return isRight;
  }

  #mayAsk(user: string): boolean {
    const now = this.#clock.monotonic();
    const known = this.#countByUser.get(user);
    const entry = known !== undefined && known.until > now ? known : { count: 0, until: now + PER_MS };
    if (entry.count >= MAX_CHECKS) return false;
    entry.count += 1;
    remember(this.#countByUser, user, entry);
    return true;
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next().value;
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
