import { join } from 'node:path';

import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { writeFileDurably } from '../../common/runtime/files.js';
import { readSavedList } from './saved-list.js';

/** A source that sent what does not belong to a file. */
export interface Lie {
  readonly fileId: string;
  /** Its pin, 64 hex digits. */
  readonly device: string;
  readonly user: string;
  /** What it did, in words. */
  readonly what: string;
  /** ms since epoch. */
  readonly at: number;
}

const VERSION = 1;
/** A disk may have been repaired since. */
const KEPT_MS = 30 * 24 * 3_600_000;
/** The latest are kept. */
const MAX_KEPT = 10_000;
const FORM = { version: VERSION, field: 'lies', most: MAX_KEPT, isItem: isLie };

/**
 * Which devices lied about which files, in `lies.json` of the state folder: they are not used again for those files, by no download and
 * after no restart, for 30 days. Several processes of one user may write it.
 */
export class SourceHistory {
  readonly #path: string | undefined;
  readonly #clock: Clock;
  #lies = new Map<string, Lie>();
  #loading: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** Without `stateDir` it lasts as long as this object. */
  constructor(stateDir: string | undefined, clock: Clock = systemClock) {
    this.#path = stateDir === undefined ? undefined : join(stateDir, 'lies.json');
    this.#clock = clock;
  }

  /** Reads what earlier runs noted; a file that cannot be understood counts as empty. Once is enough. */
  load(): Promise<void> {
    this.#loading ??= this.#merge();
    return this.#loading;
  }

  /** What `device` did to this file. */
  find(fileId: string, device: string): Lie | undefined {
    const lie = this.#lies.get(keyOf(fileId, device));
    return lie !== undefined && this.#clock.now() - lie.at < KEPT_MS ? lie : undefined;
  }

  /** Counts from now on; durable when the promise resolves. */
  note(lie: Omit<Lie, 'at'>): Promise<void> {
    this.#lies.set(keyOf(lie.fileId, lie.device), { ...lie, at: this.#clock.now() });
    const mine = this.#writing.then(() => this.#write());
    this.#writing = mine.catch(() => undefined); // Whoever noted it hears of it; the next one is tried all the same.
    return mine;
  }

  async #write(): Promise<void> {
    if (this.#path === undefined) return;
    await this.#merge();
    const lies = [...this.#lies.values()]
      .filter(({ at }) => this.#clock.now() - at < KEPT_MS)
      .toSorted((a, b) => b.at - a.at)
      .slice(0, MAX_KEPT);
    await writeFileDurably(this.#path, `${JSON.stringify({ v: VERSION, lies }, undefined, 2)}\n`);
  }

  /** Adds what another process has noted meanwhile. */
  async #merge(): Promise<void> {
    if (this.#path === undefined) return;
    for (const lie of await readSavedList(this.#path, FORM)) {
      const key = keyOf(lie.fileId, lie.device);
      if (!this.#lies.has(key)) this.#lies.set(key, lie);
    }
  }
}

function keyOf(fileId: string, device: string): string {
  return `${fileId} ${device}`;
}

function isLie(value: unknown): value is Lie {
  const { fileId, device, user, what, at } = (value ?? {}) as Partial<Lie>;
  return [fileId, device, user, what].every((text) => typeof text === 'string') && Number.isSafeInteger(at);
}
