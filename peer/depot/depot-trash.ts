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
  readonly bytes: number;
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
    return this.#items.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Moves the folder of a publication here; without a note it holds nothing whole. */
  async put(publicationId: string, folder: string, note: TrashNote | undefined): Promise<void> {
    if (note !== undefined) await writeFileDurably(join(folder, NOTE), `${JSON.stringify(note, undefined, 2)}\n`);
    const since = Math.floor(this.clock.now());
    const path = join(this.dir, `${publicationId}.${since}`);
    await rename(folder, path);
    await syncDir(this.dir);
    this.#items.push({ publicationId, since, path, bytes: note?.bytes ?? 0 });
  }

  /** Moves what is called `name` in the folder of a publication to `target`; false when it is not here. */
  async takeBack(publicationId: string, name: string, target: string): Promise<boolean> {
    for (const item of this.#items.filter((one) => one.publicationId === publicationId).reverse()) {
      try {
        await rename(join(item.path, name), target);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') continue;
        throw error;
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

  /** Removes the oldest until `bytes` are free, or nothing is left. Returns what became free. */
  async freeUp(bytes: number): Promise<number> {
    let freed = 0;
    for (const item of [...this.#items]) {
      if (freed >= bytes) break;
      await this.#remove(item);
      freed += item.bytes;
    }
    return freed;
  }

  async expire(): Promise<void> {
    const before = this.clock.now() - TRASH_KEPT_MS;
    for (const item of this.#items.filter(({ since }) => since < before)) await this.#remove(item);
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
  return { publicationId, since: Number(since), path, bytes: await noted(join(path, NOTE)) };
}

async function noted(path: string): Promise<number> {
  try {
    const { bytes } = JSON.parse(await readFile(path, 'utf8')) as { bytes?: unknown };
    return typeof bytes === 'number' && bytes >= 0 ? bytes : 0;
  } catch {
    return 0; // Without its note it takes room that nobody counts, and goes when its time is over all the same.
  }
}
