/** What one source says that it has: chunks of what its ticket is for, and of a folder the files in it. */
import { chunkCount } from '../../common/content/chunk-range.js';
import { chunkSizeFor } from '../../common/content/chunk-size.js';
import { MAX_FOLDER_FILES } from '../../common/protocol/limits.js';
import type { ChunkRanges } from '../../common/protocol/peer-messages.js';
import { ChunkSet } from './chunk-set.js';
import type { SessionSink } from './session-sink.js';
import type { SourceSession } from './source-session.js';

/** Ranges of files inside a folder that are kept of one source: what is fetched next may be among them. */
const MOST_INSIDE = 16_384;

/** What a line tells. */
export interface HaveNews {
  readonly have: 'all' | ChunkRanges;
  readonly entries?: ChunkRanges | undefined;
  /** Of this file inside the folder. */
  readonly file?: string | undefined;
}

export class SourceHoldings {
  /** What it said of chunks before there was a scheduler to hear it. */
  #early: 'all' | ChunkSet | undefined;
  /** Lines of the folder's listing whose files it has; undefined: all. */
  #entries: ChunkSet | undefined;
  /** By file inside the folder: chunks that it has of those that it has not all of. */
  readonly #inside = new Map<string, ChunkRanges>();
  #insideCount = 0;

  /** @param size bytes of what the ticket is for. */
  constructor(private readonly size: number) {}

  /** Every file of the folder. */
  get hasAllEntries(): boolean {
    return this.#entries === undefined;
  }

  /** The file in line `index` of the folder's listing. */
  hasEntry(index: number): boolean {
    return this.#entries?.has(index) ?? true;
  }

  /** A ticket was accepted: this is what it has now. */
  setEntries(entries: ChunkRanges | undefined): void {
    if (entries === undefined) this.#entries = undefined;
    else this.#entries ??= new ChunkSet(MAX_FOLDER_FILES);
  }

  /** `session` fetches into `sink` from now on. */
  startIn(sink: SessionSink, session: SourceSession): void {
    sink.scheduler.setSource(session.sourceId, sink.chunksOf?.(session) ?? this.#early ?? []);
    for (const [file, chunks] of this.#inside) sink.chunksInside?.(session, file, chunks);
    // Who has all has it for whatever is fetched next, as the files behind a listing.
    if (this.#early !== 'all') this.#early = undefined;
  }

  take({ have, entries, file }: HaveNews, sink: SessionSink | undefined, session: SourceSession): void {
    if (file !== undefined) {
      if (have !== 'all') this.#takeInside(file, have, sink, session);
      return;
    }
    const { sourceId } = session;
    if (entries !== undefined) this.#entries?.addRanges(entries);
    if (have.length === 0) return;
    // Of a folder `have` means its listing: what is in it, `entries` tell.
    if (sink !== undefined) sink.scheduler.addChunks(sourceId, sink.chunksOf?.(session) ?? have);
    else if (have === 'all' || this.#early === 'all') this.#early = 'all';
    else {
      this.#early ??= new ChunkSet(chunkCount(this.size, chunkSizeFor(this.size)));
      this.#early.addRanges(have);
    }
  }

  #takeInside(file: string, have: ChunkRanges, sink: SessionSink | undefined, session: SourceSession): void {
    sink?.chunksInside?.(session, file, have);
    if (have.length === 0 || this.#insideCount + have.length > MOST_INSIDE) return;
    this.#insideCount += have.length;
    const known = this.#inside.get(file);
    if (known === undefined) this.#inside.set(file, [...have]);
    else known.push(...have);
  }
}
