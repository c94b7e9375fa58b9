/** Publications as interfaces see them, from the two places they come from. */
import type { FoundPath } from '../../common/protocol/folder-fields.js';
import type { Publication } from '../../common/protocol/messages.js';
import type { PublicationRow } from '../api.js';
import type { LibraryEntry } from './library.js';

export function publicationRow({ size, bytes, ...rest }: Publication): PublicationRow {
  const row = withoutUndefined(rest);
  if (rest.kind === 'file') return { ...row, sizeBytes: size } as PublicationRow;
  return { ...row, sizeBytes: bytes ?? 0, listingBytes: size } as PublicationRow;
}

/** A file inside a folder. */
export function pathRow({ size, ...rest }: FoundPath): PublicationRow {
  return { ...withoutUndefined(rest), sizeBytes: size, kind: 'file', rights: 'limited', revision: 1 } as PublicationRow;
}

/** One of mine, as this peer knows it right after it told the tracker. */
export function mineRow(
  entry: Partial<LibraryEntry> & { readonly name: string; readonly rights?: PublicationRow['rights'] },
  owner: string,
  now: number,
): PublicationRow {
  return {
    publicationId: entry.publicationId ?? '',
    name: entry.name,
    owner,
    sizeBytes: (entry.kind === 'folder' ? entry.bytes : entry.sizeBytes) ?? 0,
    fileId: entry.fileId ?? '',
    kind: entry.kind ?? 'file',
    ...(entry.kind === 'folder' ? { files: entry.files ?? 0, listingBytes: entry.sizeBytes ?? 0 } : {}),
    rights: entry.rights ?? 'public',
    revision: entry.revision ?? 1,
    sources: 1,
    publishedAt: now,
  };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
