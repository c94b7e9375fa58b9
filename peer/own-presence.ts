import type { FileServer } from './file-server.js';
import type { Library } from './library/library.js';
import { lanAddresses } from './reach/addresses.js';
import type { Presence } from './tracker-client/session-keys.js';

export interface PresenceParts {
  readonly library: Library;
  /** Absent when this peer does not serve. */
  readonly fileServer: FileServer | undefined;
  readonly advertise: string | undefined;
}

/** What this peer says of itself at login and resume. */
export function ownPresence({ library, fileServer, advertise }: PresenceParts): Presence {
  // With something unsettled the revisions must not seem equal: the deltas would be skipped.
  const libraryRevision = library.hasUnsettled() ? 0 : library.revision;
  if (fileServer === undefined) return { serving: false, libraryRevision };
  const lan = fileServer.isLocalOnly ? [] : lanAddresses();
  const named = advertise === undefined ? {} : { advertise };
  return { serving: true, filePort: fileServer.port, lan, libraryRevision, ...named };
}
