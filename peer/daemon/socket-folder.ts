/**
 * Whose folder a local socket lies in. Attacker: another user of this computer who makes the folder under /tmp first, whose name can be
 * guessed; he would read the commands of a peer's owner and answer them.
 */
import { lstat } from 'node:fs/promises';
import { userInfo } from 'node:os';

const OTHERS = 0o077;

/** `own`: a real folder that only we can reach into. `open`: ours, but others can. `foreign`: another's, or a link. */
export type SocketFolder = 'own' | 'open' | 'foreign' | 'absent';

/** Follows no link: it could lead to another folder of ours. What is `own` stays so, because nobody else can replace it, not even in /tmp. */
export async function judgeSocketFolder(path: string): Promise<SocketFolder> {
  try {
    const found = await lstat(path);
    if (!found.isDirectory() || found.uid !== userInfo().uid) return 'foreign';
    return (found.mode & OTHERS) === 0 ? 'own' : 'open';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent';
    return 'foreign'; // not even to be looked at
  }
}
