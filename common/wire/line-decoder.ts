/** Cuts a byte stream into lines. Nothing is decoded here: a line that passes its cap is refused while it is still bytes. */
import { ProtocolError } from '../protocol/errors.js';

const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);
const FIRST_CAPACITY = 1_024;

export class LineDecoder {
  #maxBytes: number;
  /** The beginning of a line, copied: views of many tiny chunks would hold far more memory than their bytes. */
  #begun = EMPTY;
  #begunLength = 0;
  /** Bytes that no one has looked at yet. */
  #unread: Buffer = EMPTY;

  /** `maxBytes`: of one line, without its `\n`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** From the next line on, the unfinished one included. */
  setMax(maxBytes: number): void {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are held and belong to no finished line that was given out. */
  get buffered(): number {
    return this.#begunLength + this.#unread.length;
  }

  /**
   * Takes `bytes` at once and gives the lines that are complete, without `\n`; each is valid until the caller reuses `bytes`.
   * Who stops early finds the rest in `takeRest()`, or gets it with the next `push`, of nothing too.
   * @throws {ProtocolError} `bad-message` while iterating, when a line passes the cap, ended or not.
   */
  push(bytes: Uint8Array): Generator<Buffer, void, undefined> {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#unread = this.#unread.length === 0 ? view : Buffer.concat([this.#unread, view]);
    return this.#lines();
  }

  /** Everything after the last line given out, for what is no line: the bytes after a `run` line. */
  takeRest(): Buffer {
    const rest =
      this.#begunLength === 0
        ? this.#unread
        : Buffer.concat([this.#begun.subarray(0, this.#begunLength), this.#unread]);
    this.#forget();
    return rest;
  }

  *#lines(): Generator<Buffer, void, undefined> {
    while (this.#unread.length > 0) {
      const end = this.#unread.indexOf(NEWLINE);
      const length = this.#begunLength + (end === -1 ? this.#unread.length : end);
      if (length > this.#maxBytes) {
        this.#forget();
        throw new ProtocolError('bad-message', `A line is longer than ${this.#maxBytes} bytes.`);
      }
      if (end === -1) return this.#keep(this.#unread);
      yield this.#finish(end);
    }
  }

  #finish(end: number): Buffer {
    const tail = this.#unread.subarray(0, end);
    const line = this.#begunLength === 0 ? tail : Buffer.concat([this.#begun.subarray(0, this.#begunLength), tail]);
    this.#unread = this.#unread.subarray(end + 1);
    this.#begun = EMPTY;
    this.#begunLength = 0;
    return line;
  }

  #keep(bytes: Buffer): void {
    const length = this.#begunLength + bytes.length;
    if (length > this.#begun.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.max(FIRST_CAPACITY, length, Math.min(this.#begun.length * 2, this.#maxBytes)),
      );
      this.#begun.copy(grown, 0, 0, this.#begunLength);
      this.#begun = grown;
    }
    bytes.copy(this.#begun, this.#begunLength);
    this.#begunLength = length;
    this.#unread = EMPTY;
  }

  #forget(): void {
    this.#begun = EMPTY;
    this.#begunLength = 0;
    this.#unread = EMPTY;
  }
}
