/** What the threads of the pool say to one another. Neighbours: `hash-thread.ts` (our side), `hash-worker.ts` (the other). */

/** Neighbouring chunks of one open file. The descriptor stays open until the answer is there. */
export interface HashSpan {
  readonly fd: number;
  readonly fileSize: number;
  readonly chunkSize: number;
  readonly firstChunk: number;
  readonly chunkCount: number;
}

export interface HashWorkerData {
  /** One 32-bit number, shared: 1 asks the worker to give up its span. A message would wait behind the hashing. */
  readonly stop: SharedArrayBuffer;
}

/** How a span ended; `short`: the file ended before its size. */
export type SpanEnd =
  | { readonly kind: 'done'; readonly hashes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'short' }
  | { readonly kind: 'failed'; readonly error: Error };

/** `bytes` = hashed since the last such message of this span. */
export type HashWorkerMessage = { readonly kind: 'progress'; readonly bytes: number } | SpanEnd;

/** Least time between two progress reports: twenty a second look smooth and cost nothing. */
export const PROGRESS_EVERY_MS = 50;
