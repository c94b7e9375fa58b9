/**
 * Buffers of one chunk each, used again for as long as a download runs; another thread can read them too. There are never more than were
 * in use at once, and that is bounded by whoever takes them; to drop some in between would leave them to the garbage collector, which
 * does not hurry.
 */
export class ChunkBuffers {
  readonly #free: Buffer[] = [];

  constructor(private readonly chunkBytes: number) {}

  take(): Buffer {
    return this.#free.pop() ?? Buffer.from(new SharedArrayBuffer(this.chunkBytes));
  }

  give(buffer: Buffer): void {
    this.#free.push(buffer);
  }
}
