/** Which files of a folder are wanted: all, one path, what lies in a directory, or what fits a pattern. */
import type { FolderEntry } from '../../../common/content/folder-listing.js';

/** Where a wanted entry goes: relative to what is made; undefined when it is not wanted. */
export type Inside = (entry: FolderEntry) => string | undefined;

/** `*` and `?` stand for letters of one name, `**` for any directories. */
export function isPattern(inside: string): boolean {
  return /[*?]/.test(inside);
}

/**
 * `inside` is the path of a file or directory, whose content comes without the path before it, or a pattern, whose matches keep
 * their paths. Undefined: everything. The path of a file alone becomes the empty path.
 */
export function insideOf(inside: string | undefined): Inside {
  if (inside === undefined) return ({ path }) => path;
  if (!isPattern(inside)) {
    return ({ path }) => {
      if (path === inside) return '';
      return path.startsWith(`${inside}/`) ? path.slice(inside.length + 1) : undefined;
    };
  }
  const pattern = patternOf(inside);
  return ({ path }) => (pattern.test(path) ? path : undefined);
}

/** Linear in the path: runs of stars are one, and none is inside another. */
function patternOf(glob: string): RegExp {
  let source = '';
  for (let index = 0; index < glob.length; index += 1) {
    const char = glob[index] ?? '';
    if (char === '*') {
      const end = endOfStars(glob, index);
      const isWhole = end - index > 1 && (index === 0 || glob[index - 1] === '/');
      if (isWhole && glob[end] === '/') {
        source += '(?:[^/]+/)*';
        index = end;
      } else {
        source += isWhole ? '.*' : '[^/]*';
        index = end - 1;
      }
    } else source += char === '?' ? '[^/]' : char.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  }
  return new RegExp(`^${source}$`, 'u');
}

function endOfStars(glob: string, start: number): number {
  let end = start;
  while (glob[end] === '*') end += 1;
  return end;
}
