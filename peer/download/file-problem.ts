import { ContentError } from '../../common/content/content-error.js';
import { PeerError, type PeerErrorCode } from '../api.js';

/** What the system said, in the words of the peer's interface: what happened, to what, what to do next. */
export function fileProblem(path: string, error: unknown): PeerError {
  if (error instanceof PeerError) return error;
  const errno = errnoOf(error);
  const [code, text] = BY_ERRNO[errno] ?? [
    'unwritable',
    `could not be written (${errno || String(error)}). Check the disk and try again.`,
  ];
  return new PeerError({ code, message: `${path} ${text}` }, { cause: error });
}

export function errnoOf(error: unknown): string {
  if (error instanceof ContentError) return errnoOf(error.cause);
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Stands among the system's codes: the thread that writes chunks ended by itself. */
export const WRITER_ENDED = 'WRITER_ENDED';

const FULL = 'could not be written: the disk is full. What was fetched is kept. Free some space.';
const DENIED = 'could not be written: this folder is not writable for you. Choose another with --downloads.';

const BY_ERRNO: Record<string, [PeerErrorCode, string]> = {
  ENOSPC: ['disk-full', FULL],
  EDQUOT: ['disk-full', 'could not be written: your disk quota is used up. What was fetched is kept. Free some space.'],
  EFBIG: [
    'too-large',
    'could not be written: this file system takes no file of that size. Choose another folder with --downloads.',
  ],
  EACCES: ['unwritable', DENIED],
  EPERM: ['unwritable', DENIED],
  EROFS: ['unwritable', 'could not be written: this disk is read-only. Choose another folder with --downloads.'],
  ENOENT: [
    'unwritable',
    'could not be written: its folder does not exist. Create it, or choose another with --downloads.',
  ],
  ENOTDIR: ['unwritable', 'could not be written: its folder is not a folder. Choose another with --downloads.'],
  ENAMETOOLONG: [
    'bad-name',
    'could not be written: the name is too long for this disk. Choose a shorter one with --as NAME.',
  ],
  EIO: ['unwritable', 'could not be written: the disk reported an error. Check it before trying again.'],
  [WRITER_ENDED]: [
    'internal',
    'could not be written: the part of this program that writes ended by itself. What was fetched is kept. Get it again.',
  ],
  EEXIST: [
    'exists',
    'is there already and was not touched. Choose another name with --as NAME, or replace it with --force.',
  ],
  EISDIR: ['is-directory', 'is a folder, and folders are never replaced. Choose another name with --as NAME.'],
};
