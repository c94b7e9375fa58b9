import type { AbortOptions } from '../../../common/runtime/deadline.js';
import type { FileIdentity } from '../../library/hashing/file-identity.js';
import { type FolderPlan, isWantedFile, type WantedFile } from './folder-plan.js';

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

export function isInPlace({ to, entry }: WantedFile, local: LocalFolder): boolean {
  const known = local.at(to);
  return known?.fileId !== undefined && Buffer.from(known.fileId).toString('hex') === entry.fileId;
}

/** Bytes that have to come into a folder that is there: not what is right, nor what it has under another name, which many disks share. */
export async function bytesToCome(plan: FolderPlan, local: LocalFolder): Promise<number> {
  let bytes = 0;
  for await (const wave of plan.waves()) {
    for (const wanted of wave) {
      if (!isWantedFile(wanted) || isInPlace(wanted, local) || local.find(wanted.entry.fileId).length > 0) continue;
      bytes += wanted.entry.size;
    }
  }
  return bytes;
}
