/** Buffers of one chunk each, used again: at most `kept` free ones stay, so that a slow disk's backlog is given back afterwards. */
export class ChunkBuffers {
  readonly #free: Buffer[] = [];

  constructor(
    private readonly chunkBytes: number,
    private readonly kept: number,
  ) {}

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.chunkBytes);
  }

  give(buffer: Buffer): void {
    if (this.#free.length < this.kept) this.#free.push(buffer);
  }
}
