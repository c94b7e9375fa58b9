import type { Session } from './session.js';

/** Told of everything that other nodes must know of sessions here. */
export interface RegistryWatcher {
  /** It became active or inactive, or something about it changed. */
  session(session: Session): void;
  /** Whether the session has the publication. */
  holding(session: Session, publicationId: string): void;
  /** A publication is withdrawn (`owner`), or has other content. */
  cleared(publicationId: string, owner: string | undefined): void;
}

/** Of the same session at two nodes, and of two serving sessions of one user, the one that was entered later is right. */
export function isSupersededBy(session: Session, other: Session): boolean {
  if (session === other || session.claimed >= other.claimed) return false;
  return session.name === other.name || (session.isServing && other.isServing);
}
