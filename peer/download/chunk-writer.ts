/**
 * Proves chunks and writes them: in a thread of its own while a large download runs, since hashing and writing are a third of the work
 * of one; in this thread otherwise, since a thread takes longer to start than a small file to come. Neighbours: `write-chunk.ts` (the
 * work itself), `chunk-worker.ts` (the thread).
 */
import type { FileHandle } from 'node:fs/promises';
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads';

import { startThread } from '../../common/runtime/own-program.js';
import type { ChunkAnswer, ChunkJob } from './chunk-worker.js';
import { WRITER_ENDED } from './file-problem.js';
import { type ArrivedChunk, writeChunk } from './write-chunk.js';

/** From this size of a file on the thread is worth its start, bytes. */
const THREAD_FROM_BYTES = 64 * 1024 * 1024;

export class ChunkWriter {
  readonly #waiting = new Map<number, PromiseWithResolvers<boolean>>();
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #isReady = false;
  #users = 0;
  #lastId = 0;
  #ending: Promise<void> = Promise.resolve();

  constructor(private readonly threadFromBytes = THREAD_FROM_BYTES) {}

  /** Whether chunks go to the thread now. */
  get hasThread(): boolean {
    return this.#isReady;
  }

  /** A file of so many bytes is about to come: the thread runs until all who said so are done, and it has written what it has. */
  expect(sizeBytes: number): Disposable {
    if (sizeBytes < this.threadFromBytes) return { [Symbol.dispose]: () => undefined };
    this.#users += 1;
    this.#worker ??= this.#start();
    return { [Symbol.dispose]: () => this.#leave() };
  }

  /**
   * True when the chunk has its hash and is in the file, which must stay open until then; false when it has not and was not written.
   * Rejects with the system's error, its `code` included.
   */
  write(file: FileHandle, chunk: ArrivedChunk): Promise<boolean> {
    if (this.#port !== undefined) this.#takeAnswers(this.#port);
    if (this.#port === undefined || !this.#isReady) return writeChunk(file, chunk);
    this.#lastId += 1;
    const waiting = Promise.withResolvers<boolean>();
    this.#waiting.set(this.#lastId, waiting);
    // A view would take along all that it is a view of: the hashes of the whole file.
    const hash = new Uint8Array(chunk.hash);
    this.#port.postMessage({ ...chunk, hash, id: this.#lastId, fd: file.fd } satisfies ChunkJob);
    return waiting.promise;
  }

  /** Resolves when no thread is left. */
  async stopped(): Promise<void> {
    await this.#ending;
  }

  #leave(): void {
    this.#users -= 1;
    this.#ending = this.#ending.then(() => this.#endUnused());
  }

  /** Not before it has answered: a download that is stopped waits for what it handed over. */
  async #endUnused(): Promise<void> {
    while (this.#users === 0 && this.#waiting.size > 0)
      await Promise.allSettled([...this.#waiting.values()].map(({ promise }) => promise));
    const worker = this.#worker;
    if (this.#users > 0 || worker === undefined) return;
    this.#forget();
    await worker.terminate();
  }

  #forget(): void {
    this.#worker = undefined;
    this.#port?.close();
    this.#port = undefined;
    this.#isReady = false;
  }

  #start(): Worker {
    const { port1, port2 } = new MessageChannel();
    const options = { name: 'writing chunks', workerData: port2, transferList: [port2] };
    const worker = startThread(new URL('./chunk-worker.js', import.meta.url), options);
    port1.on('message', (answer: ChunkAnswer) => this.#takeAnswer(answer));
    this.#port = port1;
    worker.on('error', (error) => this.#broke(worker, error));
    worker.on('exit', () => this.#broke(worker, undefined));
    return worker;
  }

  /** Those that are there already: messages are handed out only between reads of the network, which may be many chunks later. */
  #takeAnswers(port: MessagePort): void {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
      this.#takeAnswer(next.message as ChunkAnswer);
  }

  #takeAnswer(answer: ChunkAnswer): void {
    if (answer === 'ready') {
      this.#isReady = true;
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
    else waiting?.resolve(answer.isRight);
  }

  /** What it was given may or may not be in the files; the next chunks are written here. */
  #broke(worker: Worker, cause: unknown): void {
    if (worker !== this.#worker) return;
    this.#forget();
    for (const { reject } of this.#waiting.values()) reject(writerEnded(cause));
    this.#waiting.clear();
  }
}

function writerEnded(cause: unknown): Error {
  return Object.assign(new Error('the thread that writes chunks ended', { cause }), { code: WRITER_ENDED });
}
