import type { Publication } from '../../common/protocol/messages.js';
import type { Registry } from '../registry/registry.js';
import type { PublicationRow } from '../store/store.js';

/** A row of the store as replies show it. */
export function toPublication(registry: Registry, row: PublicationRow, viewer: string): Publication {
  const { publicationId, name, owner, size, fileId, kind, revision, publishedAt, lastSeenAt } = row;
  const sources = registry.sourcesOf(row).length;
  const seen = sources === 0 && lastSeenAt !== undefined ? { lastSeenAt } : {};
  // Who else may fetch it is the owner's business.
  const isOwn = owner.toLowerCase() === viewer.toLowerCase();
  const rights = row.rights === 'public' || isOwn ? row.rights : 'limited';
  return { publicationId, name, owner, size, fileId, kind, rights, revision, sources, publishedAt, ...seen };
}
