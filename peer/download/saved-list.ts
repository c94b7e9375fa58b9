import { readFile } from 'node:fs/promises';
import { errnoOf } from './file-problem.js';

/** How the items of one kind lie in a file: `{"v":1,"<field>":[…]}`. */
export interface SavedListForm<T> {
  readonly version: number;
  readonly field: string;
  /** What is beyond is left out. */
  readonly most: number;
  readonly isItem: (value: unknown) => value is T;
}

/** What is saved there. A file that is missing, of another version or no list at all has none; items that are none are left out. */
export async function readSavedList<T>(path: string, form: SavedListForm<T>): Promise<T[]> {
  try {
    const value = (JSON.parse(await readFile(path, 'utf8')) ?? {}) as Record<string, unknown>;
    const items = value['v'] === form.version ? value[form.field] : undefined;
    return Array.isArray(items) ? items.slice(0, form.most).filter(form.isItem) : [];
  } catch (error) {
    if (error instanceof SyntaxError || errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
