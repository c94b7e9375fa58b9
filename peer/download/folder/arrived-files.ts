/**
 * The files of a folder, and chunks of large ones, that have come so far, for others who fetch it. Only what came from sources of this
 * publication: what lay on this disk before may be somebody else's, and whoever knows its id could otherwise fetch it by publishing a
 * folder that names it.
 */
import { join } from 'node:path';

import { chunkSizeFor } from '../../../common/content/chunk-size.js';
import { MAX_FOLDER_ENTRIES } from '../../../common/content/folder-listing.js';
import type { Manifest } from '../../../common/content/manifest.js';
import { ProtocolError } from '../../../common/protocol/errors.js';
import { MOST_PROVEN_EACH_TIME } from '../../upload/served-file.js';
import type { Range, SharedFile, SharedFolder, SmallFiles } from '../../upload/shared-file.js';
import { ChunkSet } from '../chunk-set.js';
import type { WantedFile } from './folder-plan.js';
import { stagedFile } from './stage-files.js';
import type { StageThreads } from './stage-threads.js';

/** Files that are offered at most, the first ones: each takes some 300 bytes of memory. */
const MAX_OFFERED = 100_000;

export interface ArrivedFilesOptions {
  readonly publicationId: string;
  /** Of the folder, for screens. */
  readonly name: string;
  /** Where the files grow. */
  readonly root: string;
  readonly threads: StageThreads;
}

export interface SharedListing {
  readonly fileId: string;
  readonly path: string;
  readonly size: number;
  /** Undefined: it is on this disk from an earlier run. */
  readonly manifest: Manifest | undefined;
}

interface Arrived {
  readonly wanted: WantedFile;
  /** Of a file of several chunks. */
  readonly manifest: Manifest | undefined;
  /** What is there of a file that is not whole. */
  readonly held?: ChunkSet;
}

/** A file of several chunks. */
export interface GrowingFile extends Arrived {
  readonly manifest: Manifest;
  readonly held: ChunkSet;
}

export class ArrivedFiles implements SharedFolder {
  readonly #options: ArrivedFilesOptions;
  readonly #byContent = new Map<string, Arrived>();
  readonly #entries = new ChunkSet(MAX_FOLDER_ENTRIES);
  readonly #listeners = new Set<(index: number, fileId: string) => void>();
  readonly #chunkListeners = new Set<(index: number, fileId: string) => void>();

  constructor(options: ArrivedFilesOptions) {
    this.#options = options;
  }

  /** It is whole and proven in the staging folder. */
  add(wanted: WantedFile, manifest?: Manifest): void {
    const { fileId } = wanted.entry;
    if (!this.#mayOffer(fileId, manifest)) return;
    this.#byContent.set(fileId, { wanted, manifest });
    this.#entries.add(wanted.index);
    for (const listener of this.#listeners) listener(wanted.index, fileId);
  }

  /** Chunk `index` of it is proven and in the staging folder; none of it was there before. */
  addChunk(file: GrowingFile, index: number): void {
    const { fileId } = file.wanted.entry;
    if (!this.#mayOffer(fileId, file.manifest)) return;
    if (!this.#byContent.has(fileId)) this.#byContent.set(fileId, file);
    if (this.#byContent.get(fileId)?.held !== file.held) return;
    for (const listener of this.#chunkListeners) listener(index, fileId);
  }

  #mayOffer(fileId: string, manifest?: Manifest): boolean {
    if (manifest !== undefined && manifest.chunkSize > MOST_PROVEN_EACH_TIME) return false;
    return this.#byContent.has(fileId) || this.#byContent.size < MAX_OFFERED;
  }

  /** The listing as others fetch it, with these files behind it. */
  behind({ fileId, path, size, manifest }: SharedListing): SharedFile {
    const { publicationId, name } = this.#options;
    return {
      ...{ publicationId, fileId, name, path, size, folder: this },
      manifest: () => manifest ?? this.#hash(path, size),
      have: () => 'all',
    };
  }

  entries(): readonly Range[] {
    const ranges = this.#entries.toRanges();
    return ranges === 'all' ? [[0, MAX_FOLDER_ENTRIES]] : ranges;
  }

  onEntry(fn: (index: number, fileId: string) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  onChunk(fn: (index: number, fileId: string) => void): () => void {
    for (const [fileId, { held }] of this.#byContent) {
      for (let index = 0; index < (held?.total ?? 0); index += 1) if (held?.has(index) === true) fn(index, fileId);
    }
    this.#chunkListeners.add(fn);
    return () => this.#chunkListeners.delete(fn);
  }

  find(fileId: string): SharedFile[] {
    const arrived = this.#byContent.get(fileId);
    if (arrived?.manifest === undefined) return []; // Files of one chunk are asked for as a whole.
    const { wanted, manifest, held } = arrived;
    const { publicationId, name, root } = this.#options;
    const path = join(root, stagedFile(wanted).to);
    const { size } = manifest;
    return [
      {
        publicationId,
        fileId,
        name: `${name}/${wanted.entry.path}`,
        path,
        size,
        manifest: () => manifest,
        have: () => held?.toRanges() ?? 'all',
        holds: (first, count) => held?.hasAll(first, count) ?? true,
      },
    ];
  }

  async #hash(path: string, size: number): Promise<Manifest> {
    const hashes = await this.#options.threads.call('hashesOf', [path, size]);
    if (hashes === undefined) throw new ProtocolError('gone');
    return { size, chunkSize: chunkSizeFor(size), hashes };
  }

  async readFiles(fileIds: readonly string[]): Promise<SmallFiles> {
    const { root, threads } = this.#options;
    const files = fileIds.map((fileId) => this.#byContent.get(fileId)?.wanted);
    const end = files.findIndex((file) => file === undefined || file.entry.size > chunkSizeFor(0));
    const there = files.slice(0, end < 0 ? files.length : end).flatMap((file) => (file ? [stagedFile(file)] : []));
    try {
      const { bytes, isCut } = await threads.call('readFiles', [root, there]);
      const count = bytes.length;
      const missing = isCut === 'wrong' || (isCut === 'no' && there.length < fileIds.length);
      return { bytes: Buffer.concat(bytes), count, ...(missing ? { problem: 'not-found' as const } : {}) };
    } catch {
      return { bytes: new Uint8Array(0), count: 0, problem: 'not-found' }; // The folder is whole by now, or given up.
    }
  }
}
