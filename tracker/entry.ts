import type { SessionGrant } from '../common/protocol/messages.js';
import type { Session } from './registry/session.js';

/** What `login` and `resume` end with. */
export interface Entry {
  readonly session: Session;
  readonly grant: SessionGrant;
}
