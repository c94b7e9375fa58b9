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
  // While the tracker may show somebody what they are not to have any more, the rest waits until it was told of that.
  const libraryRevision = library.hasNarrowed() ? 0 : library.revision;
  if (fileServer === undefined) return { serving: false, libraryRevision };
  const lan = fileServer.isLocalOnly ? [] : lanAddresses();
  const named = advertise === undefined ? {} : { advertise };
  return { serving: true, filePort: fileServer.port, lan, libraryRevision, ...named };
}
