/**
 * Copies that the tracker does not list any more although it never said to drop them: a tracker that was restored from an older day, or
 * set up anew by mistake, must not cost what was stored. They lie in `trash/`, a folder each with a note for whoever looks, until they are
 * wanted again, their time is over, or room is needed.
 */
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../common/runtime/clock.js';
import { ensurePrivateDir, syncDir, writeFileDurably } from '../../common/runtime/files.js';
import { errnoOf } from '../download/file-problem.js';

/** Days that pass before a lost tracker is missed, found and restored, ms. */
export const TRASH_KEPT_MS = 30 * 24 * 3_600_000;
const NOTE = 'about.json';

/** What the note says. */
export interface TrashNote {
  readonly name: string;
  readonly fileId: string;
  readonly bytes: number;
}

interface Item {
  readonly publicationId: string;
  readonly since: number;
  readonly path: string;
  readonly note: TrashNote | undefined;
  /** It is to be taken back: neither its time nor want of room removes it. */
  isWanted: boolean;
}

export class DepotTrash {
  /** Oldest first. */
  #items: Item[];

  private constructor(
    readonly dir: string,
    private readonly clock: Clock,
    items: readonly Item[],
  ) {
    this.#items = items.toSorted((a, b) => a.since - b.since);
  }

  static async open(dir: string, clock: Clock): Promise<DepotTrash> {
    await ensurePrivateDir(dir);
    const names = await readdir(dir);
    const items = await Promise.all(names.map((name) => itemOf(dir, name)));
    return new DepotTrash(
      dir,
      clock,
      items.filter((item) => item !== undefined),
    );
  }

  get bytes(): number {
    return this.#items.reduce((sum, item) => sum + bytesOf(item), 0);
  }

  /** Moves the folder of a publication here; without a note it holds nothing whole. */
  async put(publicationId: string, folder: string, note: TrashNote | undefined): Promise<void> {
    if (note !== undefined) await writeFileDurably(join(folder, NOTE), `${JSON.stringify(note, undefined, 2)}\n`);
    const since = Math.floor(this.clock.now());
    const path = join(this.dir, `${publicationId}.${since}`);
    await rename(folder, path);
    await syncDir(this.dir);
    this.#items.push({ publicationId, since, path, note, isWanted: false });
  }

  /** This content is wanted again: it is not removed until `takeBack` has looked for it. */
  want(publicationId: string, fileId: string): void {
    for (const item of this.#items)
      if (item.publicationId === publicationId && item.note?.fileId === fileId) item.isWanted = true;
  }

  /** Moves what is called `name` in the folder of a publication to `target`; false when it is not here. */
  async takeBack(publicationId: string, name: string, target: string): Promise<boolean> {
    for (const item of this.#items.filter((one) => one.publicationId === publicationId).reverse()) {
      try {
        await rename(join(item.path, name), target);
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
        item.isWanted = false;
        continue;
      }
      await this.#remove(item);
      return true;
    }
    return false;
  }

  /** Its owner, or who may, has removed it. */
  async remove(publicationId: string): Promise<void> {
    for (const item of this.#items.filter((one) => one.publicationId === publicationId)) await this.#remove(item);
  }

  /** Removes the oldest until `bytes` are free, or only what is wanted is left. Returns what became free. */
  async freeUp(bytes: number): Promise<number> {
    let freed = 0;
    for (const item of [...this.#items]) {
      if (freed >= bytes) break;
      if (item.isWanted) continue;
      await this.#remove(item);
      freed += bytesOf(item);
    }
    return freed;
  }

  async expire(): Promise<void> {
    const before = this.clock.now() - TRASH_KEPT_MS;
    for (const item of this.#items.filter(({ since }) => since < before)) if (!item.isWanted) await this.#remove(item);
  }

  async #remove(item: Item): Promise<void> {
    await rm(item.path, { recursive: true, force: true });
    this.#items = this.#items.filter((other) => other !== item);
  }
}

/** Something else that lies there is not ours, and stays. */
async function itemOf(dir: string, name: string): Promise<Item | undefined> {
  const [, publicationId, since] = /^([\w-]{21})\.(\d{1,16})$/.exec(name) ?? [];
  if (publicationId === undefined) return undefined;
  const path = join(dir, name);
  return { publicationId, since: Number(since), path, note: await noteOf(join(path, NOTE)), isWanted: false };
}

async function noteOf(path: string): Promise<TrashNote | undefined> {
  try {
    const { name, fileId, bytes } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    if (typeof name !== 'string' || typeof fileId !== 'string') return undefined;
    return { name, fileId, bytes: typeof bytes === 'number' && bytes >= 0 ? bytes : 0 };
  } catch {
    return undefined; // Without its note it takes room that nobody counts, and goes when its time is over all the same.
  }
}

function bytesOf({ note }: Item): number {
  return note?.bytes ?? 0;
}
