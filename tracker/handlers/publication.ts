import type { Publication } from '../../common/protocol/messages.js';
import type { Registry } from '../registry/registry.js';
import type { PublicationRow } from '../store/store.js';
import { isOwn } from './ticket.js';

/** A row of the store as replies show it. */
export function toPublication(registry: Registry, row: PublicationRow, viewer: string): Publication {
  const { publicationId, name, owner, size, fileId, kind, revision, publishedAt, lastSeenAt } = row;
  const sources = registry.sourcesOf(row).length;
  const seen = sources === 0 && lastSeenAt !== undefined ? { lastSeenAt } : {};
  // Who else may fetch it is the owner's business.
  const rights = row.rights === 'public' || isOwn(row, viewer) ? row.rights : 'limited';
  const terms = termsOf(row);
  return { publicationId, name, owner, size, fileId, kind, rights, ...terms, revision, sources, publishedAt, ...seen };
}

function termsOf({ passcodeHash, expiresAt, downloads }: PublicationRow) {
  return {
    ...(passcodeHash === undefined ? {} : { locked: true as const }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(downloads === undefined ? {} : { downloads }),
  };
}
