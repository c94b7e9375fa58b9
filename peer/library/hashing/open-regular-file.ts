import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';

import { ContentError, type ContentErrorCode } from '../../../common/content/content-error.js';
import { type FileIdentity, identityOf } from './file-identity.js';

/** A regular file that is open for reading. Who opened it closes it (`await using`). */
export interface OpenFile extends AsyncDisposable {
  readonly path: string;
  readonly handle: FileHandle;
  /** As it was when it was opened. */
  readonly identity: FileIdentity;
}

// Not following links: a swapped link would publish another file. Not blocking: opening a FIFO would wait for a writer for ever.
// Windows has neither flag and neither danger beyond what `lstat` sees.
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a regular file without following a link at its end.
 * @throws {ContentError} `not-found`, `is-directory`, `symlink`, `not-a-file` (FIFO, socket, device) or `unreadable`, with the path.
 */
export async function openRegularFile(path: string): Promise<OpenFile> {
  let handle: FileHandle | undefined;
  try {
    // Looked at first, because opening a device can already do something; again afterwards, because it may have been swapped.
    refuseOthers(path, await lstat(path, { bigint: true }));
    handle = await open(path, OPEN_FLAGS);
    const stats = await handle.stat({ bigint: true });
    refuseOthers(path, stats);
    const opened = handle;
    return { path, handle, identity: identityOf(stats), [Symbol.asyncDispose]: () => opened.close() };
  } catch (error) {
    await handle?.close();
    throw fileError(path, error);
  }
}

/** The same failure with a stable code and the path. */
export function fileError(path: string, error: unknown): ContentError {
  if (error instanceof ContentError) return error;
  const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
  return refusal(path, CODE_BY_ERRNO.get(errno) ?? 'unreadable', { cause: error, errno });
}

const CODE_BY_ERRNO = new Map<string, FileProblem>([
  ['ENOENT', 'not-found'],
  ['ENOTDIR', 'not-found'],
  ['ELOOP', 'symlink'],
  ['EISDIR', 'is-directory'],
  ['ENXIO', 'not-a-file'],
]);

type FileProblem = Extract<ContentErrorCode, 'is-directory' | 'not-a-file' | 'not-found' | 'symlink' | 'unreadable'>;

const WHY: Record<FileProblem, string> = {
  'is-directory': 'is a directory, not a file',
  'not-a-file': 'is no regular file (a pipe, socket or device)',
  'not-found': 'does not exist',
  symlink: 'is a symbolic link; give the file it points to',
  unreadable: 'cannot be read; check its permissions and its disk',
};

function refuseOthers(path: string, stats: BigIntStats): void {
  if (stats.isSymbolicLink()) throw refusal(path, 'symlink');
  if (stats.isDirectory()) throw refusal(path, 'is-directory');
  if (!stats.isFile()) throw refusal(path, 'not-a-file');
}

/** `errno` where only that tells a disk in trouble from missing rights. */
function refusal(path: string, code: FileProblem, { errno = '', ...options }: ErrorOptions & { errno?: string } = {}) {
  // Bytes of a name that are no UTF-8 have become this character: the file is there, but nobody can open it by such a name.
  const isGarbled = code === 'not-found' && path.includes('\ufffd');
  const known = isGarbled ? 'does not exist, or has a name that is not Unicode: rename it then' : WHY[code];
  const why = errno === '' ? known : known.replace('cannot be read', `cannot be read (${errno})`);
  return new ContentError(code, `${path} ${why}`, options);
}
