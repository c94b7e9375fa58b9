import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../common/runtime/files.js';
import type { SavedSearchRow } from './api.js';

/** A saved search with what only this device needs to know of it. */
export interface SavedSearch extends SavedSearchRow {
  /** Up to here nothing was missed, ms since epoch by the tracker's clock. */
  readonly checkedAt: number;
  /** What was told already, the latest last: `publicationId.revision`. */
  readonly told: readonly string[];
}

const VERSION = 1;
/** Only what is looked up twice must be remembered: that of the last minute, and of a look that was cut short. */
const MAX_TOLD = 2_000;

/** `searches.json` of the state folder. Each change is durable when its promise resolves. */
export class SavedSearchFile {
  readonly #path: string;
  readonly #saved = new Map<string, SavedSearch>();
  #writing: Promise<void> = Promise.resolve();

  constructor(stateDir: string) {
    this.#path = join(stateDir, 'searches.json');
  }

  /** A file that cannot be understood counts as empty. */
  async load(): Promise<void> {
    for (const saved of parse(await readFile(this.#path, 'utf8').catch(() => '')))
      this.#saved.set(saved.searchId, saved);
  }

  get all(): SavedSearch[] {
    return [...this.#saved.values()];
  }

  find(searchId: string): SavedSearch | undefined {
    return this.#saved.get(searchId);
  }

  put(saved: SavedSearch): Promise<void> {
    this.#saved.set(saved.searchId, { ...saved, told: saved.told.slice(-MAX_TOLD) });
    return this.#write();
  }

  remove(searchId: string): Promise<void> {
    this.#saved.delete(searchId);
    return this.#write();
  }

  #write(): Promise<void> {
    const write = (): Promise<void> =>
      writeFileDurably(this.#path, `${JSON.stringify({ v: VERSION, searches: this.all })}\n`, 0o600);
    const written = this.#writing.then(write);
    this.#writing = written.catch(() => undefined); // whoever asked for it hears of it; the next one is tried all the same
    return written;
  }
}

function parse(text: string): SavedSearch[] {
  try {
    const value = JSON.parse(text) as { v?: unknown; searches?: unknown };
    return value.v === VERSION && Array.isArray(value.searches) ? value.searches.filter(isSaved) : [];
  } catch {
    return []; // missing, or not JSON
  }
}

function isSaved(value: unknown): value is SavedSearch {
  const { searchId, text, createdAt, checkedAt, matches, told } = (value ?? {}) as Partial<SavedSearch>;
  return (
    [searchId, text].every((field) => typeof field === 'string') &&
    [createdAt, checkedAt, matches].every(Number.isSafeInteger) &&
    Array.isArray(told) &&
    told.every((item) => typeof item === 'string')
  );
}
