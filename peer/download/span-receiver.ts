import { chunkRange } from '../../common/content/chunk-range.js';
import type { Manifest } from '../../common/content/manifest.js';
import type { ProtocolError } from '../../common/protocol/errors.js';
import type { AnswerReceiver, Queued } from '../file-port/peer-connection.js';
import type { ChunkBuffers } from './chunk-buffers.js';
import type { Span } from './scheduler.js';
import { SourceFault } from './source-fault.js';

export interface SpanReceiverOptions {
  readonly span: Span;
  readonly manifest: Manifest;
  readonly buffers: ChunkBuffers;
  /** A whole chunk, unproven; the buffer is the taker's, who gives it back to `buffers`. */
  readonly onChunk: (index: number, buffer: Buffer, length: number) => void;
  readonly onBytes: (bytes: number) => void;
  /** So many of the bytes that came had come from another source already. */
  readonly onDuplicate: (bytes: number) => void;
  readonly onQueued: (answer: Queued) => void;
  readonly onDone: () => void;
  readonly onError: (error: ProtocolError) => void;
}

/** Puts the runs of one `chunks` request together to chunks. Anything that is not exactly what was asked is a lie. */
export class SpanReceiver implements AnswerReceiver {
  readonly #options: SpanReceiverOptions;
  readonly #end: number;
  #offset: number;
  #index: number;
  #buffer: Buffer | undefined;
  #filled = 0;
  #runEnd: number;
  #isAbandoned = false;
  #isDuplicate = false;

  constructor(options: SpanReceiverOptions) {
    this.#options = options;
    const { span, manifest } = options;
    this.#index = span.first;
    this.#offset = span.first * manifest.chunkSize;
    this.#runEnd = this.#offset;
    this.#end = Math.min(manifest.size, (span.first + span.count) * manifest.chunkSize);
  }

  /** Chunks that have not arrived yet. */
  get rest(): Span {
    const { first, count } = this.#options.span;
    return { first: this.#index, count: first + count - this.#index };
  }

  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Came for the present chunk, which is neither whole nor lost yet. */
  get heldBytes(): number {
    return this.#buffer === undefined ? 0 : this.#filled;
  }

  /** Nothing of it is of use any more: what still comes is counted and dropped. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#giveBack();
  }

  /** All of it has come from elsewhere: abandoned, and what still comes is counted as twice. */
  drop(): void {
    this.#isDuplicate = true;
    this.#options.onDuplicate(this.#filled);
    this.abandon();
  }

  onRun(offset: number, bytes: number): void {
    if (offset !== this.#runEnd)
      throw new SourceFault('lied', `sent bytes from ${offset} where those from ${this.#runEnd} were due`);
    if (offset + bytes > this.#end) throw new SourceFault('lied', 'sent more than was asked for');
    this.#runEnd += bytes;
  }

  onBytes(bytes: Buffer): void {
    this.#options.onBytes(bytes.length);
    if (this.#isAbandoned) {
      this.#offset += bytes.length;
      if (this.#isDuplicate) this.#options.onDuplicate(bytes.length);
      return;
    }
    let taken = 0;
    while (taken < bytes.length && !this.#isAbandoned) taken += this.#take(bytes, taken);
    if (this.#isDuplicate) this.#options.onDuplicate(bytes.length - taken);
  }

  onQueued(answer: Queued): void {
    this.#options.onQueued(answer);
  }

  onEnd(): void {
    if (!this.#isAbandoned && this.#offset !== this.#end)
      throw new SourceFault('lied', 'ended its answer before all of it had come');
    this.#options.onDone();
  }

  onError(error: ProtocolError): void {
    this.#giveBack();
    this.#options.onError(error);
  }

  /** Copies from `bytes` at `from` what belongs to the present chunk; returns how much that was. */
  #take(bytes: Buffer, from: number): number {
    const { manifest, buffers } = this.#options;
    this.#buffer ??= buffers.take();
    const { length } = chunkRange(this.#index, manifest.size, manifest.chunkSize);
    const count = Math.min(length - this.#filled, bytes.length - from);
    bytes.copy(this.#buffer, this.#filled, from, from + count);
    this.#filled += count;
    this.#offset += count;
    if (this.#filled === length) this.#finish(length);
    return count;
  }

  #finish(length: number): void {
    const [index, buffer] = [this.#index, this.#buffer as Buffer];
    this.#index += 1;
    this.#filled = 0;
    this.#buffer = undefined;
    this.#options.onChunk(index, buffer, length);
  }

  #giveBack(): void {
    if (this.#buffer !== undefined) this.#options.buffers.give(this.#buffer);
    this.#buffer = undefined;
  }
}
