/** What lies in the download folder: `ls`. */
import { formatCount, formatSize } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import type { FolderEntry, FolderListing } from '../api.js';
import { type Layout, paragraph, stacked } from './listing.js';
import { agoText } from './publications.js';
import { type Column, table } from './table.js';

/** `2 files in /home/…:` and the list, folders first, or `No files in …`. */
export function folderListing({ directory, entries }: FolderListing, now: number): Layout {
  const columns: readonly Column<FolderEntry>[] = [
    { title: 'NAME', cell: ({ name, isFolder }) => safeDisplay(isFolder ? `${name}/` : name), tone: 'strong' },
    { title: 'SIZE', cell: ({ sizeBytes, isFolder }) => (isFolder ? '' : formatSize(sizeBytes)), align: 'right' },
    { title: 'CHANGED', cell: ({ modifiedAt }) => `${agoText(now - modifiedAt)} ago`, align: 'right' },
  ];
  const files = entries.filter(({ isFolder }) => !isFolder).length;
  const folders = entries.length - files;
  const counts = [
    files > 0 ? formatCount(files, 'file') : '',
    folders > 0 ? formatCount(folders, 'folder') : '',
  ].filter((text) => text !== '');
  const where = safeDisplay(directory);
  if (entries.length === 0) return paragraph(`No files in ${where}`);
  return (width) => {
    const rows = table(entries, columns, width);
    return stacked([paragraph(`${counts.join(' and ')} in ${where}:`)(width), rows]);
  };
}

export function folderText(directory: string): string {
  return `Downloads go to ${safeDisplay(directory)}`;
}
