import type { ProtocolError } from '../../../common/protocol/errors.js';
import type { Queued } from '../../file-port/peer-connection.js';
import type { Span } from '../scheduler.js';
import type { SpanAnswer, SpanEvents } from '../session-sink.js';
import { SourceFault } from '../source-fault.js';
import type { WantedFile } from './folder-plan.js';

export interface FilesReceiverOptions {
  /** The scheduler's chunk that the first group is. */
  readonly first: number;
  /** The files that are asked for, by the scheduler's chunk. */
  readonly groups: readonly (readonly WantedFile[])[];
  readonly events: SpanEvents;
  /** The first `count` files have come, one after the other in `bytes`; unproven. */
  readonly onFiles: (bytes: Buffer<ArrayBuffer>, count: number) => void;
}

/** Puts the runs of one `files` request together. Anything that is not exactly what was asked is a lie. */
export class FilesReceiver implements SpanAnswer {
  readonly files: readonly WantedFile[];
  readonly #options: FilesReceiverOptions;
  readonly #size: number;
  #bytes: Buffer<ArrayBuffer> | undefined;
  #announced = 0;
  #delivered = 0;
  #filled = 0;
  #isAbandoned = false;
  #isDuplicate = false;

  constructor(options: FilesReceiverOptions) {
    this.#options = options;
    this.files = options.groups.flat();
    this.#size = this.files.reduce((sum, { entry }) => sum + entry.size, 0);
  }

  /** What was not delivered as a whole. */
  get rest(): Span {
    const { first, groups } = this.#options;
    let [whole, end] = [0, 0];
    for (const { length } of groups) {
      end += length;
      if (end > this.#delivered) break;
      whole += 1;
    }
    return { first: first + whole, count: groups.length - whole };
  }

  get heldBytes(): number {
    return this.#isAbandoned ? 0 : this.#filled;
  }

  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.#bytes = undefined;
  }

  drop(): void {
    this.#isDuplicate = true;
    this.#options.events.onDuplicate(this.#filled);
    this.abandon();
  }

  /** How many of the files have come as a whole. */
  get wholeFiles(): number {
    let end = 0;
    for (const [index, { entry }] of this.files.entries()) {
      end += entry.size;
      if (end > this.#filled) return index;
    }
    return this.files.length;
  }

  onRun(offset: number, bytes: number): void {
    if (offset !== this.#announced) throw new SourceFault('lied', 'sent other bytes than those that were due');
    if (offset + bytes > this.#size) throw new SourceFault('lied', 'sent more than was asked for');
    this.#announced += bytes;
  }

  onBytes(bytes: Buffer): void {
    this.#options.events.onBytes(bytes.length);
    if (this.#isDuplicate) this.#options.events.onDuplicate(bytes.length);
    if (!this.#isAbandoned) {
      this.#bytes ??= Buffer.allocUnsafeSlow(this.#size);
      bytes.copy(this.#bytes, this.#filled);
    }
    this.#filled += bytes.length;
  }

  onQueued(answer: Queued): void {
    this.#options.events.onQueued(answer);
  }

  onEnd(): void {
    if (!this.#isAbandoned && this.#filled !== this.#size)
      throw new SourceFault('lied', 'ended its answer before all of it had come');
    this.#deliver(this.files.length);
    this.#options.events.onDone();
  }

  onError(error: ProtocolError): void {
    const count = this.wholeFiles;
    const isRefusal = error.code === 'changed' || error.code === 'gone' || error.code === 'not-found';
    if (isRefusal && count < this.files.length) this.#deliver(count);
    this.#options.events.onError(error);
  }

  #deliver(count: number): void {
    if (this.#isAbandoned || this.#bytes === undefined || count === 0) return;
    this.#options.onFiles(this.#bytes, count);
    this.#delivered = count;
    this.abandon();
  }
}
