import type { AbortOptions } from '../../../common/runtime/deadline.js';
import type { FileIdentity } from '../../library/hashing/file-identity.js';

/** A file of a folder on this disk, as it was when it was read last. */
export interface LocalFile {
  /** Inside the folder. */
  readonly path: string;
  readonly size: number;
  /** 32 bytes; undefined for an empty directory. */
  readonly fileId: Uint8Array | undefined;
  readonly isExecutable: boolean;
  readonly identity: FileIdentity;
  /** Chunk hashes of a file of several chunks. */
  readonly hashes: Uint8Array | undefined;
}

/** What this device has of a folder already, so that it need not come from others. */
export interface LocalFolder {
  at(path: string): LocalFile | undefined;
  /** Files of that content. */
  find(fileId: string): readonly LocalFile[];
  /** Paths of all files, by their UTF-8 bytes. */
  files(): Iterable<string>;
}

export interface LocalFolders {
  /** Reads what is not known yet of the folder at `root`. */
  read(root: string, options: AbortOptions): Promise<LocalFolder>;
}
