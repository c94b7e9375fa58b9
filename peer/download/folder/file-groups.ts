import type { WantedFile } from './folder-plan.js';

/** Small files of about so many bytes, and at most so many of them, are handed out and passed on together. */
const GROUP_BYTES = 256 * 1024;
const GROUP_FILES = 128;

export function groupsOf(files: readonly WantedFile[], isApart: boolean): WantedFile[][] {
  const groups: WantedFile[][] = [];
  let group: WantedFile[] = [];
  let bytes = 0;
  for (const file of files) {
    if (group.length > 0 && (isApart || bytes + file.entry.size > GROUP_BYTES || group.length >= GROUP_FILES)) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(file);
    bytes += file.entry.size;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
