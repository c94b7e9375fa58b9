/**
 * Small files into a staging folder, synchronously, for a thread: each is proven before it is written. The staging folder is ours alone
 * (0700), so nobody else can put links into it; what an earlier run left there is proven again before it counts.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { blake3 } from '../../../common/content/blake3.js';
import { chunkSizeFor } from '../../../common/content/chunk-size.js';
import { fileIdOf } from '../../../common/content/manifest.js';
import { hashOpenFile } from '../../library/hashing/hash-open-file.js';
import type { WantedFile } from './folder-plan.js';

export interface StagedFile {
  /** Inside the staging folder. */
  readonly to: string;
  readonly size: number;
  readonly fileId: string;
  readonly executable: boolean;
}

/** Name in the staging folder of a file that is made alone. */
export const SINGLE = 'file';

export function stagedFile({ to, entry: { size, fileId, executable } }: WantedFile): StagedFile {
  return { to: to === '' ? SINGLE : to, size, fileId, executable };
}

/** Contents of files that are read by one call end at about so many bytes. */
const READ_BYTES = 1024 * 1024;
const WRITE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (constants.O_NOFOLLOW ?? 0);
const CHECK_FLAGS = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Directories that are there: a thread works for one download, whose staging folder nobody else touches. */
const made = new Set<string>();

/** Writes those of `files`, whose contents follow one another in `bytes`, that are what they must be; returns the others' places. */
export function writeFiles(root: string, files: readonly StagedFile[], bytes: Uint8Array): number[] {
  const wrong: number[] = [];
  let offset = 0;
  for (const [index, file] of files.entries()) {
    const content = bytes.subarray(offset, offset + file.size);
    offset += file.size;
    if (idOf(content) === file.fileId) writeOne(join(root, file.to), file, content);
    else wrong.push(index);
  }
  return wrong;
}

function idOf(content: Uint8Array): string {
  const chunkSize = chunkSizeFor(content.length);
  const hashes = content.length === 0 ? new Uint8Array(0) : blake3(content);
  return fileIdOf({ size: content.length, chunkSize, hashes });
}

function writeOne(path: string, { executable }: StagedFile, content: Uint8Array): void {
  makeDirectory(dirname(path));
  const fd = openSync(path, WRITE_FLAGS, executable ? 0o777 : 0o666);
  try {
    for (let done = 0; done < content.length; ) done += writeSync(fd, content, done);
  } finally {
    closeSync(fd);
  }
}

export function makeDirectories(root: string, paths: readonly string[]): void {
  for (const path of paths) makeDirectory(join(root, path));
}

function makeDirectory(path: string): void {
  if (made.has(path)) return;
  mkdirSync(path, { recursive: true });
  made.add(path);
}

/** Which of the files are there already, whole and right; their rights are set. */
export function checkFiles(root: string, files: readonly StagedFile[]): boolean[] {
  return files.map((file) => isThere(join(root, file.to), file));
}

function isThere(path: string, { size, fileId, executable }: StagedFile): boolean {
  let fd: number;
  try {
    fd = openSync(path, CHECK_FLAGS);
  } catch {
    return false; // Not there, or not ours to use: it is written anew, and what is wrong is said then.
  }
  try {
    const { size: there, mode } = fstatSync(fd);
    if (there !== size || hashOpenFile(fd, size)?.fileId !== fileId) return false;
    const wanted = modeFor(mode, executable);
    if ((mode & 0o777) !== wanted) fchmodSync(fd, wanted);
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Contents of the first `files`: up to one that is not what it must be (`wrong`), or as many as are enough (`full`). */
export function readFiles(
  root: string,
  files: readonly StagedFile[],
): { readonly bytes: Uint8Array[]; readonly isCut: 'no' | 'full' | 'wrong' } {
  const contents: Uint8Array[] = [];
  let total = 0;
  for (const { to, size, fileId } of files) {
    if (total > 0 && total + size > READ_BYTES) return { bytes: contents, isCut: 'full' };
    const content = readOne(join(root, to), size);
    if (content === undefined || idOf(content) !== fileId) return { bytes: contents, isCut: 'wrong' };
    contents.push(content);
    total += size;
  }
  return { bytes: contents, isCut: 'no' };
}

function readOne(path: string, size: number): Uint8Array | undefined {
  try {
    const content = readFileSync(path);
    return content.length === size ? content : undefined;
  } catch {
    return undefined; // It has been moved to its place, or removed by hand: others have it.
  }
}

/** Chunk hashes of a file; undefined when it has not `size` bytes. @throws the system's error. */
export function hashesOf(path: string, size: number): Uint8Array | undefined {
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    return hashOpenFile(fd, size)?.hashes;
  } finally {
    closeSync(fd);
  }
}

/** Whoever may read it may run it, or nobody. */
export function modeFor(mode: number, executable: boolean): number {
  const plain = mode & 0o666;
  return executable ? plain | ((plain & 0o444) >> 2) : plain;
}

/** Copies a file that is on this disk already, if it is still what it was; false when it is not. */
export function copyFile(root: string, file: StagedFile, from: string): boolean {
  const path = join(root, file.to);
  makeDirectory(dirname(path));
  try {
    if (!lstatSync(from).isFile()) return false; // A pipe in its place would hold us for ever.
    copyFileSync(from, path, constants.COPYFILE_FICLONE);
  } catch {
    return false; // It is fetched then; if the disk is full, that says so.
  }
  if (isThere(path, file)) return true;
  rmSync(path, { force: true });
  return false;
}

/** Contents of files, or entries of directories, to the disk. @throws the system's error: then nothing is known to be safe. */
export function syncPaths(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    const fd = openSync(join(root, path), 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
