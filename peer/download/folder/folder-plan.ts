/**
 * What has to be made of a folder's listing: it is judged as a whole first, then handed out in waves, so that a million files are never
 * in memory at once. It knows no sources.
 */
import { createReadStream } from 'node:fs';

import { ContentError } from '../../../common/content/content-error.js';
import { portableProblem } from '../../../common/content/file-name.js';
import {
  type FolderEntry,
  type FolderFile,
  isFolderFile,
  ListingReader,
} from '../../../common/content/folder-listing.js';
import type { AbortOptions } from '../../../common/runtime/deadline.js';
import type { Inside } from './inside.js';

const READ_BYTES = 256 * 1024;
/** A wave ends when it has so much: enough that the pause between two does not count. */
const WAVE_ENTRIES = 8_192;
const WAVE_BYTES = 2 * 1024 * 1024 * 1024;
/** Listings of up to so many wanted entries are read once and kept. */
const KEPT_ENTRIES = 16_384;

export interface Wanted {
  /** Where it goes, inside what is made; empty for a file that is made alone. */
  readonly to: string;
  readonly entry: FolderEntry;
  /** Its line in the listing, from 0. */
  readonly index: number;
}

export interface WantedFile extends Wanted {
  readonly entry: FolderFile;
}

export function isWantedFile(wanted: Wanted): wanted is WantedFile {
  return isFolderFile(wanted.entry);
}

export interface PlanOptions extends AbortOptions {
  readonly inside: Inside;
  readonly platform: NodeJS.Platform;
}

export class FolderPlan {
  files = 0;
  bytes = 0;
  /** A single file was asked for. */
  isFile = false;
  #entries = 0;
  #kept: Wanted[] | undefined = [];

  private constructor(
    private readonly listing: string,
    private readonly options: PlanOptions,
  ) {}

  /** @throws {ContentError} `bad-listing`, or `bad-name` for a path that cannot be stored on this system. */
  static async read(listing: string, options: PlanOptions): Promise<FolderPlan> {
    const plan = new FolderPlan(listing, options);
    for await (const wanted of plan.#wanted({ isProven: false })) plan.#count(wanted);
    return plan;
  }

  get isEmpty(): boolean {
    return this.#entries === 0;
  }

  /** All that is wanted, in waves. */
  async *waves(): AsyncGenerator<Wanted[], void, undefined> {
    let wave: Wanted[] = [];
    let bytes = 0;
    for await (const wanted of this.#kept ?? this.#wanted({ isProven: true })) {
      wave.push(wanted);
      bytes += isWantedFile(wanted) ? wanted.entry.size : 0;
      if (wave.length < WAVE_ENTRIES && bytes < WAVE_BYTES) continue;
      yield wave;
      wave = [];
      bytes = 0;
    }
    if (wave.length > 0) yield wave;
  }

  #count(wanted: Wanted): void {
    this.#entries += 1;
    if (isWantedFile(wanted)) {
      this.files += 1;
      this.bytes += wanted.entry.size;
      if (wanted.to === '') this.isFile = true;
    }
    this.#kept?.push(wanted);
    if (this.#entries > KEPT_ENTRIES) this.#kept = undefined;
  }

  async *#wanted(options: { readonly isProven: boolean }): AsyncGenerator<Wanted, void, undefined> {
    const { signal, inside } = this.options;
    const reader = new ListingReader(options);
    let index = -1;
    for await (const bytes of createReadStream(this.listing, { highWaterMark: READ_BYTES, signal })) {
      for (const entry of reader.push(bytes as Buffer)) {
        index += 1;
        const to = inside(entry);
        if (to === undefined) continue;
        if (!options.isProven) this.#refuseUnstorable(entry.path, to);
        yield { to, entry, index };
      }
    }
    reader.end();
  }

  #refuseUnstorable(path: string, to: string): void {
    if (this.options.platform !== 'win32' || to === '') return;
    for (const part of to.split('/')) {
      const problem = portableProblem(part, this.options.platform);
      if (problem !== undefined)
        throw new ContentError('bad-name', `${path} cannot be stored here. ${problem.message}`);
    }
  }
}
