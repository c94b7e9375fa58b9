/** Most bytes of one run that we send: large enough that the line before it costs nothing, small enough to hold two a transfer. */
export const MAX_BLOCK_BYTES = 1024 * 1024;
/** Room before the bytes for their run line, so that line and bytes leave in one write without being copied together. */
const HEAD_BYTES = 128;

/** A buffer that holds one run: its bytes and, before them, room for its line. */
export class RunBlock {
  readonly #buffer: Buffer;
  /** Where the bytes go; filled by the reader of a file. */
  readonly body: Buffer;

  constructor(bytes: number) {
    // Not from the shared pool, and never sent beyond what was read into it: no old memory leaves.
    this.#buffer = Buffer.allocUnsafeSlow(HEAD_BYTES + bytes);
    this.body = this.#buffer.subarray(HEAD_BYTES);
  }

  /** The run line of request `id` and the first `bytes` of the body, in one piece. */
  frame(id: number, offset: number, bytes: number): Buffer {
    const line = `{"type":"run","id":${id},"offset":${offset},"bytes":${bytes}}\n`;
    const start = HEAD_BYTES - line.length;
    this.#buffer.write(line, start, 'latin1');
    return this.#buffer.subarray(start, HEAD_BYTES + bytes);
  }
}

/** Blocks that are used again. Keeps as many as were in use at once, at most `most`. */
export class BlockPool {
  readonly #free: RunBlock[] = [];

  constructor(
    private readonly bytes: number,
    private readonly most: number,
  ) {}

  take(): RunBlock {
    return this.#free.pop() ?? new RunBlock(this.bytes);
  }

  give(block: RunBlock): void {
    if (this.#free.length < this.most) this.#free.push(block);
  }
}
