/** Runs in a thread of its own: proves and writes chunks for `chunk-writer.ts`, one after the other. */
import { type MessagePort, workerData } from 'node:worker_threads';

import { errnoOf } from './file-problem.js';
import { type ArrivedChunk, writeChunkSync } from './write-chunk.js';

export interface ChunkJob extends ArrivedChunk {
  readonly id: number;
  /** Stays open until the answer. */
  readonly fd: number;
}

export type ChunkAnswer =
  | 'ready'
  | { readonly id: number; readonly isRight: boolean }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string } };

const port = workerData as MessagePort;

port.on('message', ({ id, fd, ...chunk }: ChunkJob) => {
  try {
    port.postMessage({ id, isRight: writeChunkSync(fd, chunk) } satisfies ChunkAnswer);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage({ id, error: { message, code: errnoOf(error) } } satisfies ChunkAnswer);
  }
});
port.postMessage('ready' satisfies ChunkAnswer);
