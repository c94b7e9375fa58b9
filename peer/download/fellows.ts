/**
 * Which downloader of a swarm brings which chunk into it: for each chunk they stand in an order that all find without asking one another
 * (the marks of a hash), and the first brings it. So the publisher sends each chunk about once. Who has brought all of its own goes on
 * with those where it is second, and so on: never all of them with the same. Each begins with what it stands highest for, and helps the
 * others from the far end, with what they would bring last: so the two do not bring the same. In a large swarm only some bring, the same
 * to everybody who looks, and soon have the first chunks to pass on; all others fetch from downloaders.
 */
import { SWARM_BRINGERS } from '../../common/protocol/limits.js';

/** So many different hashes there are. */
const HASHES = 2 ** 32;
/** Keeps it below the next place, also when it is rounded. */
const LAST_IN_PLACE = 0.99;

/** Who fetches the same. */
export interface Swarm {
  /** Devices that fetch it now, without ourselves. */
  readonly devices: readonly string[];
  /** Sources that have all; each is worth some that bring. */
  readonly full: number;
}

/** Nobody else is known to fetch it. */
export const ALONE: Swarm = { devices: [], full: 1 };

/** Of a swarm and `own` those that bring. */
export function bringersOf(own: string, { devices, full }: Swarm): string[] {
  return [own, ...devices].toSorted().slice(0, SWARM_BRINGERS * Math.max(1, full));
}

/** Where `device` stands for `own` among the sources that are alike: for each in another order, or all would ask the same ones. */
export function turnFor(own: string, device: string): number {
  return mixed(markOf(device), markOf(own));
}

export class Fellows {
  readonly #device: string;
  readonly #own: number;
  #others: readonly number[] = [];
  #isBringer = true;
  /** By chunk: our place; -1 while unknown. */
  readonly #known: Float32Array;

  /** `own` and all others are device pins, 64 hex digits; `total` chunks. */
  constructor(own: string, total: number) {
    this.#device = own;
    this.#own = markOf(own);
    this.#known = new Float32Array(total).fill(-1);
  }

  /** False: others bring, and sources that have all are theirs. */
  get isBringer(): boolean {
    return this.#isBringer;
  }

  /** Says anew who fetches the same. True when what was asked of sources that have all was asked in ignorance of others who bring it. */
  set(swarm: Swarm): boolean {
    const bringers = bringersOf(this.#device, swarm);
    const marks = bringers.filter((device) => device !== this.#device).map(markOf);
    const [wasAlone, wasBringer] = [this.#others.length === 0, this.#isBringer];
    this.#isBringer = bringers.includes(this.#device);
    if (marks.length !== this.#others.length || marks.some((mark, place) => mark !== this.#others[place])) {
      this.#others = marks;
      this.#known.fill(-1);
    }
    return (wasAlone && marks.length > 0) || (wasBringer && !this.#isBringer);
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
    if (!this.#isBringer) return this.#others.length;
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
