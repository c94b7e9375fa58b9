/**
 * Hashes whole files off the main thread, several threads on one large file. It knows nothing of publications: the library asks
 * for a path and gets what was in that file, or why not. Neighbours: `open-regular-file.ts` (what may be opened), `hash-pool.ts`
 * (the threads), `hash-worker.ts` (what runs there), `common/content/manifest.ts` (what comes out).
 */
import { availableParallelism } from 'node:os';

import { HASH_BYTES } from '../../../common/content/blake3.js';
import { chunkCount } from '../../../common/content/chunk-range.js';
import { chunkSizeFor, MAX_FILE_BYTES } from '../../../common/content/chunk-size.js';
import { ContentError } from '../../../common/content/content-error.js';
import type { FileId } from '../../../common/content/file-id.js';
import { fileIdOf, type Manifest } from '../../../common/content/manifest.js';
import { type Clock, systemClock } from '../../../common/runtime/clock.js';
import type { AbortOptions } from '../../../common/runtime/deadline.js';
import { compareIdentity, type FileIdentity, identityOf } from './file-identity.js';
import { Gate } from './gate.js';
import { type HashSpan, PROGRESS_EVERY_MS, type SpanEnd } from './hash-messages.js';
import { HashPool } from './hash-pool.js';
import { fileError, type OpenFile, openRegularFile } from './open-regular-file.js';

/** Threads beyond this wait for the disk and for memory, not for the processor. */
const MAX_THREADS = 8;
/** With one core, too, one thread reads while the other hashes. */
const MIN_THREADS = 2;
/** Bytes one thread takes at a time (at least one chunk): a few milliseconds of work, so that all threads end together. */
const SPAN_BYTES = 8 * 1024 * 1024;

export interface FileHasherOptions {
  /** Worker threads, 1 or more. Default: one a core, at least 2, at most 8. */
  readonly threads?: number;
  readonly clock?: Clock;
}

export interface HashOptions extends AbortOptions {
  /** Bytes hashed so far; at most every 50 ms, and a last time with the size when all is hashed. */
  readonly onProgress?: (bytesDone: number) => void;
}

/** A file's manifest, its id, and the file as it was from the first to the last byte read. */
export interface HashedFile extends Manifest {
  readonly fileId: FileId;
  readonly identity: FileIdentity;
}

interface Job {
  readonly file: OpenFile;
  readonly manifest: Manifest;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** Any number of files may be given at once; as many as there are threads are open at a time. Close it when done. */
export class FileHasher {
  readonly #threads: number;
  readonly #clock: Clock;
  readonly #files: Gate;
  readonly #pool: HashPool;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor({ threads = defaultThreads(), clock = systemClock }: FileHasherOptions = {}) {
    if (!Number.isInteger(threads) || threads < 1)
      throw new RangeError(`threads must be a whole number from 1 on, not ${threads}`);
    this.#threads = threads;
    this.#clock = clock;
    this.#files = new Gate(threads);
    this.#pool = new HashPool(threads, clock);
  }

  /**
   * Rejects with `signal.reason` when aborted, with the file closed again.
   * @throws {ContentError} `not-found`, `is-directory`, `symlink`, `not-a-file`, `unreadable`, `too-large` or `changed-while-hashing`,
   * each with the path in its message.
   */
  async hash(path: string, { signal, onProgress }: HashOptions): Promise<HashedFile> {
    const stopped = AbortSignal.any([signal, this.#closing.signal]);
    const work = this.#hash(path, stopped, onProgress);
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** Stops what is under way (it rejects) and ends the threads. May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort(new DOMException('hashing was stopped', 'AbortError'));
    await Promise.allSettled(this.#running);
    await this.#pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #hash(path: string, signal: AbortSignal, onProgress?: (bytesDone: number) => void): Promise<HashedFile> {
    using _place = await this.#files.enter({ signal });
    await using file = await openRegularFile(path);
    const manifest = emptyManifest(file);
    await this.#hashSpans({ file, manifest, signal, onBytes: this.#throttled(onProgress) });
    await refuseChanged(file);
    onProgress?.(manifest.size);
    return { ...manifest, fileId: fileIdOf(manifest), identity: file.identity };
  }

  /** Runs one lane a thread; each takes the next span until none is left. The first failure stops the others. */
  async #hashSpans(job: Job): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([job.signal, failed.signal]);
    const spans = spansOf(job);
    const lane = async (): Promise<void> => {
      for (const span of spans) await this.#hashSpan(span, { ...job, signal });
    };
    const lanes = Array.from({ length: this.#threads }, () =>
      lane().catch((error: unknown) => {
        if (!signal.aborted) failed.abort(error);
      }),
    );
    // All of them, also after a failure: the file must not be closed under a read.
    await Promise.all(lanes);
    signal.throwIfAborted();
  }

  async #hashSpan(span: HashSpan, { file, manifest, signal, onBytes }: Job): Promise<void> {
    let reported = 0;
    const end = await this.#pool.hash(span, {
      signal,
      onBytes: (bytes) => {
        reported += bytes;
        onBytes(bytes);
      },
    });
    manifest.hashes.set(hashesOf(end, { file, signal }), span.firstChunk * HASH_BYTES);
    const spanEnd = Math.min((span.firstChunk + span.chunkCount) * span.chunkSize, span.fileSize);
    onBytes(spanEnd - span.firstChunk * span.chunkSize - reported);
  }

  #throttled(onProgress?: (bytesDone: number) => void): (bytes: number) => void {
    let done = 0;
    let reportedAt = this.#clock.monotonic();
    return (bytes) => {
      done += bytes;
      const now = this.#clock.monotonic();
      if (now - reportedAt < PROGRESS_EVERY_MS) return;
      reportedAt = now;
      onProgress?.(done);
    };
  }
}

function defaultThreads(): number {
  return Math.min(Math.max(availableParallelism(), MIN_THREADS), MAX_THREADS);
}

function emptyManifest({ path, identity }: OpenFile): Manifest {
  if (identity.size > BigInt(MAX_FILE_BYTES)) {
    throw new ContentError(
      'too-large',
      `${path} has ${identity.size} bytes, more than the 4 TiB one file may have: split it first`,
    );
  }
  const size = Number(identity.size);
  const chunkSize = chunkSizeFor(size);
  return { size, chunkSize, hashes: new Uint8Array(chunkCount(size, chunkSize) * HASH_BYTES) };
}

function* spansOf({ file, manifest: { size, chunkSize } }: Job): Generator<HashSpan, void, undefined> {
  const count = chunkCount(size, chunkSize);
  const step = Math.max(1, SPAN_BYTES / chunkSize);
  for (let firstChunk = 0; firstChunk < count; firstChunk += step) {
    yield { fd: file.handle.fd, fileSize: size, chunkSize, firstChunk, chunkCount: Math.min(step, count - firstChunk) };
  }
}

function hashesOf(end: SpanEnd, { file, signal }: { file: OpenFile; signal: AbortSignal }): Uint8Array {
  switch (end.kind) {
    case 'done':
      return end.hashes;
    case 'stopped':
      throw signal.reason;
    case 'short':
      throw changed(file);
    case 'failed':
      throw fileError(file.path, end.error);
  }
}

async function refuseChanged(file: OpenFile): Promise<void> {
  const now = identityOf(await file.handle.stat({ bigint: true }));
  // Some files (in /proc, say) have more content than their size: what was hashed would not be the file.
  const { bytesRead } = await readBehindEnd(file);
  if (bytesRead > 0 || compareIdentity(file.identity, now) !== 'same') throw changed(file);
}

async function readBehindEnd({ path, handle, identity }: OpenFile): Promise<{ bytesRead: number }> {
  try {
    return await handle.read(Buffer.alloc(1), 0, 1, Number(identity.size));
  } catch (error) {
    throw fileError(path, error);
  }
}

function changed({ path }: OpenFile): ContentError {
  return new ContentError(
    'changed-while-hashing',
    `${path} was changed while it was being read; try again when nothing writes to it`,
  );
}
