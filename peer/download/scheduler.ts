/**
 * Decides which source is asked for which chunk. Pure: it knows no sockets, no files and no clock; `download.ts` tells it what sources
 * have, how fast they are and what arrived, and asks it for the next span. Rules: a chunk is asked of one source at a time; the rarest
 * first where sources are partial, and of those that only full sources have the ones that are ours to bring (`fellows.ts`); at the end,
 * when nothing is free, a source that would be done sooner takes over the last chunk of one that would be later. What comes already is
 * asked for twice at most, and only of few chunks.
 */
import type { ChunkRanges } from '../../common/protocol/peer-messages.js';
import { ChunkSet } from './chunk-set.js';

export interface Span {
  readonly first: number;
  readonly count: number;
}

/** What to ask a source for. */
export interface Wish extends Span {
  /** Another source, which need not send it any more. */
  readonly takenFrom?: string;
}

export interface SchedulerOptions {
  /** Chunks of the file. */
  readonly total: number;
  /** Chunks that are there already. */
  readonly done?: ChunkSet;
  /** Where to begin: downloaders that begin at different places can soon help one another. Default 0. */
  readonly startAt?: number;
  /** Our place among those who may bring a chunk into the swarm that no downloader has: below 1 it is ours to bring. Default: 0. */
  readonly placeFor?: (index: number) => number;
  /** Whether one request may ask for chunk `index` together with the one before. Default: always. */
  readonly isJoined?: (index: number) => boolean;
}

/** A thief must be sooner by this factor: estimates are rough. */
const STEAL_FACTOR = 3;
/** Of what is on its way already, so much may be asked of a second source: it comes twice, at worst. */
const MOST_TWICE = 0.01;
/** More than there are downloaders that share the work of bringing chunks in. */
const MOST_PLACES = 256;
/** So many chunks are compared at most: among so many equally rare ones a rarer one is not worth looking for. */
const MAX_LOOKED_AT = 1_024;

interface Source {
  has: 'all' | ChunkSet;
  /** 0 while unknown. */
  bytesPerSecond: number;
  /** Chunks asked of it, in the order they will come; false: with others in one request, which cannot be taken back alone. */
  readonly asked: Map<number, boolean>;
}

export class Scheduler {
  readonly #total: number;
  readonly #done: ChunkSet;
  readonly #placeFor: (index: number) => number;
  /** 1 for chunks that are neither there nor asked for. */
  readonly #free: Uint8Array;
  readonly #sources = new Map<string, Source>();
  /** How many sources each chunk is asked of. */
  readonly #holders: Uint8Array;
  /** How many partial sources have each chunk; who has all has them alike. */
  readonly #copies: Uint16Array;
  #partialSources = 0;
  /** So many more chunks may be asked of a second source while they come from the first. */
  #mayComeTwice: number;
  #cursor: number;

  readonly #isJoined: (index: number) => boolean;

  constructor({
    total,
    done = new ChunkSet(total),
    startAt = 0,
    placeFor = () => 0,
    isJoined = () => true,
  }: SchedulerOptions) {
    this.#isJoined = isJoined;
    this.#total = total;
    this.#mayComeTwice = Math.max(1, Math.floor(total * MOST_TWICE));
    this.#done = done;
    this.#placeFor = placeFor;
    this.#free = new Uint8Array(total).fill(1);
    for (let index = 0; index < total; index += 1) if (done.has(index)) this.#free[index] = 0;
    this.#holders = new Uint8Array(total);
    this.#copies = new Uint16Array(total);
    this.#cursor = total === 0 ? 0 : startAt % total;
  }

  get isComplete(): boolean {
    return this.#done.isFull;
  }

  /** Sources there are; with one alone nothing is shared out. */
  get sources(): number {
    return this.#sources.size;
  }

  /** Nothing is asked of any source. */
  get isIdle(): boolean {
    return [...this.#sources.values()].every(({ asked }) => asked.size === 0);
  }

  /** Adds a source, or says anew what it has. */
  setSource(id: string, has: 'all' | ChunkRanges | ChunkSet): void {
    const known = this.#sources.get(id);
    if (known !== undefined) this.#countCopies(known.has, -1);
    const set = has === 'all' ? 'all' : has instanceof ChunkSet ? has.copy() : ChunkSet.from(has, this.#total);
    this.#countCopies(set, 1);
    if (known !== undefined) known.has = set;
    else this.#sources.set(id, { has: set, bytesPerSecond: 0, asked: new Map() });
  }

  /** A source has these too. */
  addChunks(id: string, more: 'all' | ChunkRanges): void {
    const has = this.#sources.get(id)?.has;
    if (has === undefined || has === 'all') return;
    if (more === 'all') {
      this.setSource(id, more);
      return;
    }
    for (const [from, to] of more)
      for (let index = from; index < Math.min(to, this.#total); index += 1)
        if (has.add(index)) this.#copies[index] = (this.#copies[index] ?? 0) + 1;
  }

  setSpeed(id: string, bytesPerSecond: number): void {
    const source = this.#sources.get(id);
    if (source !== undefined) source.bytesPerSecond = bytesPerSecond;
  }

  /** Forgets a source; what it was asked for is free again. */
  removeSource(id: string): void {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    for (const index of source.asked.keys()) this.#unhold(index);
    this.#countCopies(source.has, -1);
    this.#sources.delete(id);
  }

  /**
   * The next chunks to ask `id` for, at most `most` of them; undefined when it has nothing that is of use now. With `isPatient` neither
   * what another downloader is about to bring.
   */
  next(id: string, most: number, { isPatient = false } = {}): Wish | undefined {
    const source = this.#sources.get(id);
    if (source === undefined || most < 1) return undefined;
    const first = this.#partialSources === 0 ? this.#nextInOrder() : this.#rarest(source, isPatient);
    const span = first === undefined ? this.#steal(source) : this.#grow(source, first, most);
    if (span === undefined) return undefined;
    for (let index = span.first; index < span.first + span.count; index += 1) {
      source.asked.set(index, span.count === 1);
      this.#holders[index] = (this.#holders[index] ?? 0) + 1;
      this.#free[index] = 0;
    }
    return span;
  }

  /** A verified chunk came from `id`. False when it was there already. */
  arrived(id: string, index: number): boolean {
    // Done first: what is not free again leaves the cursor where it is, or all downloaders would follow the same path.
    const isNew = this.#done.add(index);
    this.#free[index] = 0;
    this.#unask(this.#sources.get(id), index);
    return isNew;
  }

  /** Whether some source is still asked for the chunk. */
  isAsked(index: number): boolean {
    return (this.#holders[index] ?? 0) > 0;
  }

  /** `id` will not send these after all. */
  release(id: string, { first, count }: Span): void {
    for (let index = first; index < first + count; index += 1) this.#unask(this.#sources.get(id), index);
  }

  /** Whether any chunk of the span is still to come from `id`: it is missing, and nobody took it over. */
  isWanted(id: string, { first, count }: Span): boolean {
    const asked = this.#sources.get(id)?.asked;
    for (let index = first; index < first + count; index += 1)
      if (!this.#done.has(index) && asked?.has(index) === true) return true;
    return false;
  }

  #unask(source: Source | undefined, index: number): void {
    if (source?.asked.delete(index) === true) this.#unhold(index);
  }

  #unhold(index: number): void {
    this.#holders[index] = Math.max(0, (this.#holders[index] ?? 0) - 1);
    if (this.#holders[index] === 0 && !this.#done.has(index)) this.#free[index] = 1;
    // What became free may lie behind the cursor, and would be found only after a whole round.
    if (!this.#done.has(index)) this.#cursor = Math.min(this.#cursor, index);
  }

  #countCopies(has: 'all' | ChunkSet, by: 1 | -1): void {
    if (has === 'all') return;
    this.#partialSources += by;
    for (let index = 0; index < this.#total; index += 1) {
      if (has.has(index)) this.#copies[index] = (this.#copies[index] ?? 0) + by;
    }
  }

  #isFree(index: number): boolean {
    return this.#free[index] === 1;
  }

  /** Free chunks from the cursor on, once round. */
  *#freeChunks(): Generator<number> {
    const start = this.#cursor;
    for (let index = this.#free.indexOf(1, start); index >= 0; index = this.#free.indexOf(1, index + 1)) yield index;
    for (let index = this.#free.indexOf(1); index >= 0 && index < start; index = this.#free.indexOf(1, index + 1))
      yield index;
  }

  /** Every source has all: any free chunk is as good as another, so in order of the file, which disks like. */
  #nextInOrder(): number | undefined {
    for (const index of this.#freeChunks()) {
      this.#cursor = index;
      return index;
    }
    return undefined;
  }

  #rarest(source: Source, isPatient: boolean): number | undefined {
    let best: number | undefined;
    let least = Infinity;
    let looked = 0;
    for (const index of this.#freeChunks()) {
      if (!hasChunk(source, index)) continue;
      const rank = this.#rank(index);
      if (rank < least) [best, least] = [index, rank];
      looked += 1;
      if (least === 0 || looked >= MAX_LOOKED_AT) break;
    }
    if (isPatient && 1 <= least && least < MOST_PLACES) return undefined;
    return best;
  }

  /** The lowest is wanted most: chunks that nobody but full sources has and that are ours to bring; then those where we come next. */
  #rank(index: number): number {
    const copies = this.#copies[index] ?? 0;
    return copies === 0 ? this.#placeFor(index) : MOST_PLACES + copies;
  }

  /** Neighbours in one request, but only a share of what is left: so that all sources end at about the same time. */
  #grow(source: Source, first: number, most: number): Span {
    const left = this.#total - this.#done.size;
    const share = this.#sources.size > 1 ? Math.ceil(left / (2 * this.#sources.size)) : most;
    const rank = this.#rank(first);
    const limit = Math.min(most, share, this.#total - first);
    let count = 1;
    while (
      count < limit &&
      this.#isJoined(first + count) &&
      this.#isFree(first + count) &&
      this.#rank(first + count) === rank &&
      hasChunk(source, first + count)
    )
      count += 1;
    return { first, count };
  }

  /** Some chunk can still be had from somebody without asking twice. */
  get #hasFree(): boolean {
    const sources = [...this.#sources.values()];
    for (const index of this.#freeChunks()) if (sources.some((source) => hasChunk(source, index))) return true;
    return false;
  }

  /** What one that will be late was asked for last: taken from it, or, when it comes already, asked for twice. */
  #steal(thief: Source): Wish | undefined {
    if (this.#hasFree) return undefined;
    let best: { index: number; id: string; victim: Source; waits: number } | undefined;
    const own = (thief.asked.size + 1) / speedOf(thief);
    for (const [id, victim] of this.#sources) {
      const waits = victim.asked.size / speedOf(victim);
      if (victim === thief || waits < own * STEAL_FACTOR || waits <= (best?.waits ?? 0)) continue;
      const index = this.#lastOf(victim, thief);
      if (index !== undefined) best = { index, id, victim, waits };
    }
    if (best === undefined) return undefined;
    const { index, id, victim } = best;
    const wish = { first: index, count: 1 };
    if (isComing(victim, index)) this.#mayComeTwice -= 1;
    if (isComing(victim, index) || victim.asked.get(index) === false) return wish;
    this.#unask(victim, index);
    return { ...wish, takenFrom: id };
  }

  #lastOf(victim: Source, thief: Source): number | undefined {
    for (const index of [...victim.asked.keys()].reverse()) {
      if (this.#holders[index] !== 1 || this.#done.has(index) || !hasChunk(thief, index)) continue;
      if (isComing(victim, index) && this.#mayComeTwice < 1) continue;
      return index;
    }
    return undefined;
  }
}

/** What a source was asked for first is on its way, when anything is. */
function isComing({ asked, bytesPerSecond }: Source, index: number): boolean {
  const [first] = asked.keys();
  return first === index && bytesPerSecond > 0;
}

function hasChunk(source: Source, index: number): boolean {
  return source.has === 'all' || source.has.has(index);
}

/** A source that has sent nothing yet counts as very slow, as a victim and as a thief: one that waits in a queue may never begin. */
function speedOf(source: Source): number {
  return Math.max(source.bytesPerSecond, 1);
}
