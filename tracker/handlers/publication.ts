import type { FoundPath } from '../../common/protocol/folder-fields.js';
import type { Publication } from '../../common/protocol/messages.js';
import type { Registry } from '../registry/registry.js';
import type { PathRow } from '../store/path-rows.js';
import type { PublicationRow } from '../store/store.js';
import { isOwn } from './ticket.js';

/** A row of the store as replies show it. */
export function toPublication(registry: Registry, row: PublicationRow, viewer: string): Publication {
  const { publicationId, name, owner, fileId, kind, files, revision, publishedAt, lastSeenAt } = row;
  const sources = registry.sourcesOf(row).length;
  const seen = sources === 0 && lastSeenAt !== undefined ? { lastSeenAt } : {};
  // Who else may fetch it is the owner's business.
  const rights = row.rights === 'public' || isOwn(row, viewer) ? row.rights : 'limited';
  const terms = termsOf(row);
  const totals = files === undefined ? {} : { files, bytes: row.size };
  const about = { publicationId, name, owner, size: contentSize(row), fileId, kind, ...totals };
  return { ...about, rights, ...terms, revision, sources, publishedAt, ...seen };
}

function termsOf({ passcodeHash, expiresAt, downloads }: PublicationRow) {
  return {
    ...(passcodeHash === undefined ? {} : { locked: true as const }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(downloads === undefined ? {} : { downloads }),
  };
}

/** Bytes of what the fileId stands for: of a folder, its listing. */
export function contentSize({ size, listingSize }: PublicationRow): number {
  return listingSize ?? size;
}

/** A file inside a folder as replies show it. */
export function toFoundPath(registry: Registry, row: PathRow): FoundPath {
  const { publicationId, name, owner, path, fileSize: size, pathFileId: fileId, publishedAt, lastSeenAt } = row;
  const sources = registry.sourcesOf(row).length;
  const seen = sources === 0 && lastSeenAt !== undefined ? { lastSeenAt } : {};
  return { publicationId, name, owner, path, size, fileId, sources, publishedAt, ...seen };
}
