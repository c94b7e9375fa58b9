/**
 * Which downloader of a swarm brings which chunk into it: for each chunk they stand in an order that all find without asking one another
 * (the marks of a hash), and the first brings it. So the publisher sends each chunk about once. Who has brought all of its own goes on
 * with those where it is second, and so on: never all of them with the same. Each begins with what it stands highest for, and helps the
 * others from the far end, with what they would bring last: so the two do not bring the same.
 */

/** Of larger swarms only so many are considered: more would cost time and change nothing. */
const MAX_FELLOWS = 64;
/** So many different hashes there are. */
const HASHES = 2 ** 32;
/** Keeps it below the next place, also when it is rounded. */
const LAST_IN_PLACE = 0.99;

export class Fellows {
  readonly #own: number;
  #others: readonly number[] = [];
  /** By chunk: our place; -1 while unknown. */
  readonly #known: Float32Array;

  /** `own` and all others are device pins, 64 hex digits; `total` chunks. */
  constructor(own: string, total: number) {
    this.#own = markOf(own);
    this.#known = new Float32Array(total).fill(-1);
  }

  /** Those who fetch the same file now, without ourselves. */
  set(devices: readonly string[]): void {
    const marks = devices.toSorted().slice(0, MAX_FELLOWS).map(markOf);
    if (marks.length === this.#others.length && marks.every((mark, place) => mark === this.#others[place])) return;
    this.#others = marks;
    this.#known.fill(-1);
  }

  /** Our place for this chunk, to bring the lowest first: below 1 it is ours, from 1 on others stand before us. 0 while there is nobody else. */
  placeFor(index: number): number {
    const known = this.#known[index] ?? -1;
    if (known >= 0) return known;
    const place = this.#others.length === 0 ? 0 : this.#placeAmongOthers(index);
    this.#known[index] = place;
    return place;
  }

  #placeAmongOthers(index: number): number {
    const own = mixed(this.#own, index);
    const others = this.#others.map((mark) => mixed(mark, index));
    const before = others.filter((mark) => mark > own).length;
    const highest = Math.max(own, ...others) / HASHES;
    return before + LAST_IN_PLACE * (before === 0 ? 1 - highest : highest);
  }
}

function markOf(device: string): number {
  return Number.parseInt(device.slice(0, 8), 16);
}

/** The finalizer of MurmurHash3: every bit of both numbers counts. */
function mixed(mark: number, index: number): number {
  let hash = mark ^ Math.imul(index + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
