import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileDurably } from '../../common/runtime/files.js';
import type { DownloadRequest } from './download-request.js';
import { errnoOf } from './file-problem.js';

export interface SavedDownload {
  readonly transferId: string;
  readonly request: DownloadRequest;
}

const VERSION = 1;
/** More than this no one has under way; a longer file was not written by us. */
const MAX_SAVED = 10_000;

/** The downloads that go on after a restart, in `downloads.json` of the state folder. Each change is durable when its promise resolves. */
export class SavedDownloads {
  readonly #path: string | undefined;
  readonly #saved = new Map<string, DownloadRequest>();
  #writing: Promise<void> = Promise.resolve();

  /** Without `stateDir` nothing is kept. */
  constructor(stateDir: string | undefined) {
    this.#path = stateDir === undefined ? undefined : join(stateDir, 'downloads.json');
  }

  /** What an earlier run left; a file that cannot be understood counts as empty: downloads can be asked for again. */
  async load(): Promise<SavedDownload[]> {
    if (this.#path === undefined) return [];
    const saved = parse(await read(this.#path));
    for (const { transferId, request } of saved) this.#saved.set(transferId, request);
    return saved;
  }

  add({ transferId, request }: SavedDownload): Promise<void> {
    this.#saved.set(transferId, request);
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
      const downloads = [...this.#saved].map(([transferId, request]) => ({ transferId, request }));
      return writeFileDurably(path, `${JSON.stringify({ v: VERSION, downloads }, undefined, 2)}\n`);
    };
    const mine = this.#writing.then(write);
    this.#writing = mine.catch(() => undefined); // Whoever asked for that write hears of it; the next one is tried all the same.
    return mine;
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

function parse(text: string): SavedDownload[] {
  if (text === '') return [];
  try {
    const value = JSON.parse(text) as { v?: unknown; downloads?: unknown };
    if (value.v !== VERSION || !Array.isArray(value.downloads)) return [];
    return value.downloads.slice(0, MAX_SAVED).filter(isSaved);
  } catch {
    return []; // Not JSON: as above.
  }
}

function isSaved(value: unknown): value is SavedDownload {
  const { transferId, request } = (value ?? {}) as Partial<SavedDownload>;
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
    Number.isSafeInteger(request.sizeBytes) &&
    typeof request.force === 'boolean'
  );
}
