import type { Notice } from '../registry/event-outbox.js';
import type { NewPublication } from '../registry/matches.js';

/** What one node says to the others, besides who is there. */
export type NodeMessage =
  /** An event for a session at whichever node has it. */
  | { readonly kind: 'event'; readonly session: string; readonly notice: Notice }
  /** Withdrawn by `owner`, or, without one, of other content now. */
  | { readonly kind: 'cleared'; readonly publicationId: string; readonly owner: string | undefined }
  /** For saved searches. */
  | { readonly kind: 'published'; readonly publications: readonly NewPublication[] };
