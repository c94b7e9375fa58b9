/**
 * Runs in a thread of its own: reads a span of a file and answers with its chunk hashes. Reads are synchronous on purpose: while
 * one thread waits for the disk the others hash, the bytes are still in the processor's cache when their hashing begins, and the
 * four threads that serve all other file work of the process stay free. It opens and closes nothing; the descriptor belongs to
 * `hash-file.ts`.
 */
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

import { createBlake3, HASH_BYTES } from '../../../common/content/blake3.js';
import { chunkRange } from '../../../common/content/chunk-range.js';
import { systemClock } from '../../../common/runtime/clock.js';
import {
  type HashSpan,
  type HashWorkerData,
  type HashWorkerMessage,
  PROGRESS_EVERY_MS,
  type SpanEnd,
} from './hash-messages.js';

/** Bytes of one read: large enough that the call costs nothing, small enough for the processor's cache. */
const BLOCK_BYTES = 1024 * 1024;

const port = parentPort;
if (port === null) throw new Error('hash-worker runs as a worker thread only');
const stop = new Int32Array((workerData as HashWorkerData).stop);
const hasher = createBlake3();
const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);

port.on('message', (span: HashSpan) => {
  const end = tryHashSpan(span);
  hasher.digest(); // Forgets the chunk that a stop or a failure cut short.
  answer(end, end.kind === 'done' ? [end.hashes.buffer] : []);
});

function tryHashSpan(span: HashSpan): SpanEnd {
  try {
    return hashSpan(span);
  } catch (error) {
    return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
  }
}

function hashSpan(span: HashSpan): SpanEnd {
  const start = span.firstChunk * span.chunkSize;
  const end = Math.min(start + span.chunkCount * span.chunkSize, span.fileSize);
  const sink = new ChunkSink(span);
  const report = progressReport();
  for (let position = start; position < end; ) {
    if (Atomics.load(stop, 0) !== 0) return { kind: 'stopped' };
    const bytesRead = readSync(span.fd, block, 0, Math.min(BLOCK_BYTES, end - position), position);
    if (bytesRead === 0) return { kind: 'short' };
    sink.push(block.subarray(0, bytesRead));
    report(bytesRead);
    position += bytesRead;
  }
  return { kind: 'done', hashes: sink.hashes };
}

/** Cuts what it is given at the borders of chunks and keeps the hash of each. */
class ChunkSink {
  readonly hashes: Uint8Array<ArrayBuffer>;
  #index: number;
  #missing: number;

  constructor(private readonly span: HashSpan) {
    this.hashes = new Uint8Array(span.chunkCount * HASH_BYTES);
    this.#index = span.firstChunk;
    this.#missing = this.#chunkLength();
  }

  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      const part = rest.subarray(0, this.#missing);
      rest = rest.subarray(part.length);
      hasher.update(part);
      this.#missing -= part.length;
      if (this.#missing === 0) this.#endChunk();
    }
  }

  #endChunk(): void {
    this.hashes.set(hasher.digest(), (this.#index - this.span.firstChunk) * HASH_BYTES);
    this.#index += 1;
    if (this.#index < this.span.firstChunk + this.span.chunkCount) this.#missing = this.#chunkLength();
  }

  #chunkLength(): number {
    return chunkRange(this.#index, this.span.fileSize, this.span.chunkSize).length;
  }
}

function progressReport(): (bytes: number) => void {
  let reportedAt = systemClock.monotonic();
  let unreported = 0;
  return (bytes) => {
    unreported += bytes;
    const now = systemClock.monotonic();
    if (now - reportedAt < PROGRESS_EVERY_MS) return;
    answer({ kind: 'progress', bytes: unreported });
    reportedAt = now;
    unreported = 0;
  };
}

function answer(message: HashWorkerMessage, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}
