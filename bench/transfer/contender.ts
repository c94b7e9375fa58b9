// What can be measured against what: everybody moves the same file, in the same RAM disk, on loopback.
import type { TempDir } from '../../test/support/temp.js';
import type { Cost } from '../support/process-cost.js';

export interface Course {
  /** In the RAM disk. */
  readonly dir: TempDir;
  /** The file that is moved. */
  readonly source: string;
  readonly sizeBytes: number;
}

/** One way to move the file. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** Programs, cipher, what is verified: what a reader needs to judge the figure. */
  readonly about: string;
  /** Moves the file to `target`, a path in an existing empty folder, once. */
  move(target: string): Promise<Run>;
}

export interface Run extends Cost {
  /** Without what comes before the first bytes (start-up, login): from the first sign of progress to the end. */
  readonly movingMiBPerSecond?: number;
}

/** Makes a contender ready. @throws {Missing} */
export type Open = (course: Course) => Promise<Contender>;

/** The cipher that all have in common; everybody who can be told uses it. */
export const CIPHER = 'TLS_AES_128_GCM_SHA256';
