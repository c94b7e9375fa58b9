import { join } from 'node:path';

import { writeFileDurably } from '../../common/runtime/files.js';
import { TRANSFER_PRIORITIES, type TransferPriority } from '../api.js';
import type { DownloadRequest } from './download-request.js';
import { readSavedList } from './saved-list.js';

/** Whether all of a `.part` was fetched under the publication of its download, or some of it perhaps under another one. */
export type PartOrigin = 'own' | 'mixed';

export interface SavedDownload {
  readonly transferId: string;
  readonly request: DownloadRequest;
  /** Default: `normal`. */
  readonly priority?: TransferPriority;
  readonly isPaused?: boolean;
  /** Absent: nothing was fetched for it yet, so what lies at its place was fetched for something else. */
  readonly part?: PartOrigin;
  /** Of this download alone. */
  readonly limitBytesPerSecond?: number;
  /** What was there when it was saved last, for screens. */
  readonly doneBytes?: number;
}

const VERSION = 1;
/** More than this no one has under way; a longer file was not written by us. */
const MAX_SAVED = 10_000;
const FORM = { version: VERSION, field: 'downloads', most: MAX_SAVED, isItem: isSaved };

/** The downloads that go on after a restart, in `downloads.json` of the state folder. Each change is durable when its promise resolves. */
export class SavedDownloads {
  readonly #path: string | undefined;
  readonly #saved = new Map<string, SavedDownload>();
  #writing: Promise<void> = Promise.resolve();
  /** A write that has not begun yet: it will hold what changes until then. */
  #next: Promise<void> | undefined;

  /** Without `stateDir` nothing is kept. */
  constructor(stateDir: string | undefined) {
    this.#path = stateDir === undefined ? undefined : join(stateDir, 'downloads.json');
  }

  /** What an earlier run left; a file that cannot be understood counts as empty: downloads can be asked for again. */
  async load(): Promise<SavedDownload[]> {
    if (this.#path === undefined) return [];
    const saved = await readSavedList(this.#path, FORM);
    for (const download of saved) this.#saved.set(download.transferId, download);
    return saved;
  }

  /** Adds it, or takes the place of what was saved of it before. */
  put(download: SavedDownload): Promise<void> {
    this.#saved.set(download.transferId, download);
    return this.#write();
  }

  async remove(transferId: string): Promise<void> {
    if (this.#saved.delete(transferId)) await this.#write();
  }

  /** One write after the other; each writes what is true then. */
  #write(): Promise<void> {
    const path = this.#path;
    if (path === undefined) return Promise.resolve();
    const write = (): Promise<void> => {
      this.#next = undefined;
      const downloads = [...this.#saved.values()];
      return writeFileDurably(path, `${JSON.stringify({ v: VERSION, downloads }, undefined, 2)}\n`);
    };
    if (this.#next !== undefined) return this.#next;
    this.#next = this.#writing.then(write);
    this.#writing = this.#next.catch(() => undefined); // Whoever asked for that write hears of it; the next one is tried all the same.
    return this.#next;
  }
}

function isSaved(value: unknown): value is SavedDownload {
  const {
    transferId,
    request,
    priority,
    isPaused,
    part,
    limitBytesPerSecond: limit,
    doneBytes,
  } = (value ?? {}) as Partial<SavedDownload>;
  if (priority !== undefined && !TRANSFER_PRIORITIES.includes(priority)) return false;
  if (part !== undefined && part !== 'own' && part !== 'mixed') return false;
  if (isPaused !== undefined && typeof isPaused !== 'boolean') return false;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) return false;
  if (doneBytes !== undefined && !Number.isSafeInteger(doneBytes)) return false;
  if (typeof transferId !== 'string' || typeof request !== 'object' || request === null) return false;
  const texts = [
    request.publicationId,
    request.fileId,
    request.owner,
    request.name,
    request.directory,
    request.fileName,
  ];
  return (
    texts.every((text) => typeof text === 'string') &&
    (request.kind === undefined || request.kind === 'folder') &&
    (request.inside === undefined || typeof request.inside === 'string') &&
    (request.totalBytes === undefined || Number.isSafeInteger(request.totalBytes)) &&
    Number.isSafeInteger(request.sizeBytes) &&
    typeof request.force === 'boolean'
  );
}
