/** Reads a copy whole and tells what it is. What cannot be read is no damage: it is thrown as what it is, and nothing is concluded from it. */
import { ContentError } from '../../common/content/content-error.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { PeerError } from '../api.js';
import { contentProblem } from '../library/content-problem.js';
import type { FileHasher } from '../library/hashing/hash-file.js';
import type { PutFile } from '../library/library.js';

/** `other`: something that is no file at all. */
export type ReadCopy = 'missing' | 'other' | PutFile;

export class CopyReader {
  constructor(private readonly hasher: Pick<FileHasher, 'hash'>) {}

  /** @throws {PeerError} `unreadable`, `changed`. */
  async read(path: string, options: AbortOptions): Promise<ReadCopy> {
    try {
      return await this.hasher.hash(path, options);
    } catch (error) {
      if (!(error instanceof ContentError)) throw error;
      if (error.code === 'not-found') return 'missing';
      if (['is-directory', 'not-a-file', 'symlink'].includes(error.code)) return 'other';
      throw new PeerError(contentProblem(error), { cause: error });
    }
  }
}
