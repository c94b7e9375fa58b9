/** Paths as people type them. */
import { join } from 'node:path';

/** `~/x` under the user's home; everything else as it is. */
export function expandHome(path: string, home: string | undefined): string {
  if (home === undefined || !(path === '~' || path.startsWith('~/'))) return path;
  return join(home, path.slice(1)) + (path.endsWith('/') ? '/' : '');
}
