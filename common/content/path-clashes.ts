import { ContentError } from './content-error.js';
import { foldName } from './file-name.js';

const FIRST_ROOM = 1_024;

/**
 * Finds paths of one folder that would meet in one place on a disk that ignores case: two entries, or an entry and a directory on the
 * way to another. Keeps eight bytes a path, so that a million of them cost little. Two paths look alike by chance once in 30 million
 * such folders; whoever makes it happen has only a folder of their own refused.
 */
export class PathClashes {
  readonly #entries = new Hashes();
  readonly #directories = new Hashes();
  #lastDirectory = '';

  /** Paths come in the order of a listing: what lies in one directory follows one another. */
  add(path: string): void {
    const folded = foldName(path);
    this.#entries.add(hashOf(folded, folded.length));
    const slash = path.lastIndexOf('/');
    const directory = slash < 0 ? '' : path.slice(0, slash);
    if (directory === this.#lastDirectory) return;
    this.#lastDirectory = directory;
    for (let end = folded.indexOf('/'); end >= 0; end = folded.indexOf('/', end + 1))
      this.#directories.add(hashOf(folded, end));
  }

  /** @throws {ContentError} `bad-listing`. */
  check(): void {
    const entries = this.#entries.sorted();
    const directories = this.#directories.sorted();
    for (let index = 1; index < entries.length; index += 1)
      if (entries[index] === entries[index - 1]) throw clash('two of its paths differ only in upper and lower case');
    for (let [entry, directory] = [0, 0]; entry < entries.length && directory < directories.length; ) {
      const [one, other] = [entries[entry] ?? 0, directories[directory] ?? 0];
      if (one === other) throw clash('one of its paths is both a file and a directory');
      if (one < other) entry += 1;
      else directory += 1;
    }
  }
}

class Hashes {
  #values = new Float64Array(FIRST_ROOM);
  #size = 0;

  add(value: number): void {
    if (this.#size === this.#values.length) {
      const larger = new Float64Array(2 * this.#size);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#size] = value;
    this.#size += 1;
  }

  sorted(): Float64Array {
    return this.#values.subarray(0, this.#size).sort();
  }
}

/** 53 bits of the first `length` units: two FNV-1a sums with different starts. */
function hashOf(text: string, length: number): number {
  let high = 0x811c9dc5;
  let low = 0x9dc5811c;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ (unit + 0x9e37), 0x01000193) ^ (low >>> 15);
  }
  return (high >>> 0) * 0x20_0000 + (low >>> 11);
}

function clash(why: string): ContentError {
  return new ContentError('bad-listing', `the list of this folder is not acceptable: ${why}`);
}
