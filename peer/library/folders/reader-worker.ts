/** Runs in a thread of its own: reads small files for `folder-index.ts`, so that the main thread only passes bytes on. */
import { parentPort, workerData } from 'node:worker_threads';

import { readFolderTable } from './folder-table.js';
import { SmallFileReader, type SmallFiles } from './small-files.js';

export interface ReaderRequest {
  readonly id: number;
  readonly root: string;
  readonly fileIds: readonly string[];
}

export type ReaderAnswer = { readonly id: number; readonly files: SmallFiles };

const port = parentPort;
if (port === null) throw new Error('reader-worker runs as a worker thread only');
const reader = new SmallFileReader(readFolderTable(workerData as string));

port.on('message', ({ id, root, fileIds }: ReaderRequest) => {
  const files = reader.read(root, fileIds);
  port.postMessage({ id, files } satisfies ReaderAnswer, [files.bytes.buffer]);
});
