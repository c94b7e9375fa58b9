/**
 * Which downloader of a swarm brings which chunk into it: for each chunk they stand in an order that all find without asking one another
 * (the marks of a hash), and the first brings it. So the publisher sends each chunk about once. Who has brought all of its own goes on
 * with those where it is second, and so on: never all of them with the same.
 */

/** Of larger swarms only so many are considered: more would cost time and change nothing. */
const MAX_FELLOWS = 64;

export class Fellows {
  readonly #own: number;
  #others: readonly number[] = [];
  /** By chunk: 0 unknown, else our place and 1. */
  readonly #known: Uint8Array;

  /** `own` and all others are device pins, 64 hex digits; `total` chunks. */
  constructor(own: string, total: number) {
    this.#own = markOf(own);
    this.#known = new Uint8Array(total);
  }

  /** Those who fetch the same file now, without ourselves. */
  set(devices: readonly string[]): void {
    const marks = devices.toSorted().slice(0, MAX_FELLOWS).map(markOf);
    if (marks.length === this.#others.length && marks.every((mark, place) => mark === this.#others[place])) return;
    this.#others = marks;
    this.#known.fill(0);
  }

  /** Our place for this chunk, from 0. */
  placeFor(index: number): number {
    const known = this.#known[index] ?? 0;
    if (known > 0) return known - 1;
    const mine = mixed(this.#own, index);
    let place = 0;
    for (const other of this.#others) if (mixed(other, index) > mine) place += 1;
    this.#known[index] = place + 1;
    return place;
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
