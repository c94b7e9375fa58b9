import { makeFolders } from '../../common/runtime/files.js';
import { PeerError } from '../api.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no folder can be made there',
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'this disk is read-only',
  EEXIST: 'there is something else of that name',
  ENOTDIR: 'a part of the path is no folder',
  ENOSPC: 'the disk is full',
};

/** Makes the folder `path` for downloads, its parents too, where it is missing. @throws {PeerError} `unwritable`. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reason = REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause));
    const message = `Cannot make the folder ${path}: ${reason}. Choose another with --downloads.`;
    throw new PeerError({ code: 'unwritable', message }, { cause });
  }
}
