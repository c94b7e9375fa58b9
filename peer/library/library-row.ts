/** Rows of the library's tables as what they stand for. */
import type { Terms } from '../../common/protocol/messages.js';
import type { Rights } from '../api.js';
import type { Content, EntryState, LibraryEntry } from './library.js';

type Row = Record<string, unknown>;

export function contentOf(row: Row): Content {
  const big = (column: string): bigint => BigInt(row[column] as string);
  return {
    name: row['name'] as string,
    path: row['path'] as string,
    fileId: row['file_id'] as string,
    sizeBytes: Number(row['size']),
    identity: {
      dev: big('dev'),
      ino: big('ino'),
      size: BigInt(Number(row['size'])),
      mtimeNs: big('mtime_ns'),
      ctimeNs: big('ctime_ns'),
    },
    publicationId: row['publication_id'] as string,
  };
}

/** Undefined when there is none. */
export function entryOf(row: Row | undefined): LibraryEntry | undefined {
  if (row === undefined) return undefined;
  const { wished_rights: rights, wished_terms: terms, wished_name: name } = row;
  return {
    ...contentOf(row),
    state: row['state'] as EntryState,
    revision: Number(row['revision']),
    ...(typeof row['listing'] === 'string'
      ? { kind: 'folder', listing: row['listing'], files: Number(row['files']), bytes: Number(row['bytes']) }
      : { kind: 'file' }),
    isWatched: row['is_watched'] === 1,
    ...(typeof rights === 'string' ? { wishedRights: JSON.parse(rights) as Rights } : {}),
    ...(typeof terms === 'string' ? { wishedTerms: JSON.parse(terms) as Terms } : {}),
    ...(typeof name === 'string' ? { wishedName: name } : {}),
  };
}
