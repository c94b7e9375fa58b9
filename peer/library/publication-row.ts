/** Publications as interfaces see them, from the two places they come from. */
import type { Publication } from '../../common/protocol/messages.js';
import type { PublicationRow } from '../api.js';
import type { LibraryEntry } from './library.js';

export function publicationRow({ size, ...rest }: Publication): PublicationRow {
  return { ...withoutUndefined(rest), sizeBytes: size } as PublicationRow;
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
    sizeBytes: entry.sizeBytes ?? 0,
    fileId: entry.fileId ?? '',
    kind: 'file',
    rights: entry.rights ?? 'public',
    revision: entry.revision ?? 1,
    sources: 1,
    publishedAt: now,
  };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
