import { MAX_PEER_LINE_BYTES } from '../../common/protocol/limits.js';
import { LineDecoder } from '../../common/wire/line-decoder.js';

export interface FrameHandlers {
  /** One line without its end. Returns how many raw bytes follow it. */
  readonly onLine: (line: Buffer) => number;
  /** Raw bytes in the order they came; a view that is good only during the call. */
  readonly onRaw: (bytes: Buffer) => void;
}

/** Lines with raw bytes between them, see docs/protocol.md "Peer lane". The raw bytes are passed on as they came: no copy, no look. */
export class FrameDecoder {
  readonly #lines = new LineDecoder(MAX_PEER_LINE_BYTES);
  #rawLeft = 0;

  constructor(private readonly handlers: FrameHandlers) {}

  /** True while a line has begun and not ended. */
  get isInsideLine(): boolean {
    return this.#lines.buffered > 0;
  }

  /** @throws {ProtocolError} `bad-message` at the cap of a line, before it is decoded, and whatever the handlers throw. */
  push(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) rest = this.#rawLeft > 0 ? this.#takeRaw(rest) : this.#takeLines(rest);
  }

  #takeRaw(bytes: Buffer): Buffer {
    if (bytes.length <= this.#rawLeft) {
      this.#rawLeft -= bytes.length;
      this.handlers.onRaw(bytes);
      return EMPTY;
    }
    const raw = bytes.subarray(0, this.#rawLeft);
    this.#rawLeft = 0;
    this.handlers.onRaw(raw);
    return bytes.subarray(raw.length);
  }

  #takeLines(bytes: Buffer): Buffer {
    for (const line of this.#lines.push(bytes)) {
      this.#rawLeft = this.handlers.onLine(line);
      if (this.#rawLeft > 0) return this.#lines.takeRest();
    }
    return EMPTY;
  }
}

const EMPTY = Buffer.alloc(0);
