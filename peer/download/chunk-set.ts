import { MAX_RANGES } from '../../common/protocol/limits.js';
import type { ChunkRanges } from '../../common/protocol/peer-messages.js';

/** Which chunks of one file there are. */
export class ChunkSet {
  readonly #has: Uint8Array;
  #size = 0;

  /** @param total number of chunks in the file. */
  constructor(readonly total: number) {
    this.#has = new Uint8Array(total);
  }

  /** Chunks in the set. */
  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size === this.total;
  }

  has(index: number): boolean {
    return this.#has[index] === 1;
  }

  /** False when it was there already or the file has no such chunk. */
  add(index: number): boolean {
    if (this.#has[index] !== 0) return false;
    this.#has[index] = 1;
    this.#size += 1;
    return true;
  }

  /** What lies outside the file is left out. */
  addRanges(ranges: ChunkRanges): void {
    for (const [from, to] of ranges)
      for (let index = from; index < Math.min(to, this.total); index += 1) this.add(index);
  }

  delete(index: number): boolean {
    if (this.#has[index] !== 1) return false;
    this.#has[index] = 0;
    this.#size -= 1;
    return true;
  }

  copy(): ChunkSet {
    const copy = new ChunkSet(this.total);
    copy.#has.set(this.#has);
    copy.#size = this.#size;
    return copy;
  }

  /** Whether `first` to `first + count - 1` are all in the set. */
  hasAll(first: number, count: number): boolean {
    for (let index = first; index < first + count; index += 1) if (!this.has(index)) return false;
    return true;
  }

  /** As lines have it; at most as many ranges as a line may hold, the first ones. */
  toRanges(): 'all' | ChunkRanges {
    if (this.isFull) return 'all';
    const ranges: [number, number][] = [];
    for (let index = this.#has.indexOf(1); index >= 0 && ranges.length < MAX_RANGES; ) {
      const end = this.#has.indexOf(0, index);
      ranges.push([index, end < 0 ? this.total : end]);
      index = end < 0 ? -1 : this.#has.indexOf(1, end);
    }
    return ranges;
  }

  /** The set that `ranges` name; what lies outside the file is not in it. */
  static from(ranges: 'all' | ChunkRanges, total: number): ChunkSet {
    const set = new ChunkSet(total);
    set.addRanges(ranges === 'all' ? [[0, total]] : ranges);
    return set;
  }
}
