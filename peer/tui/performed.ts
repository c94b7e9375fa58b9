/** What a command is carried out with, and what comes of it. */
import type { Clock } from '../../common/runtime/clock.js';
import type { Peer, PeerErrorCode, PublicationRow, SearchInput } from '../api.js';
import type { Layout } from '../wording/listing.js';
import type { PasscodeSource } from '../wording/passcode.js';

export interface PerformContext {
  readonly peer: Peer;
  readonly clock: Clock;
  /** Where relative paths start. */
  readonly cwd: string;
  readonly home?: string | undefined;
  /** Where `get` puts files, when it is not the peer's download folder. */
  readonly downloads?: string | undefined;
  /** What `next` goes on with. */
  readonly more?: MorePages | undefined;
  readonly passcodes: PasscodeSource;
  /** Lines are wrapped for a screen: a person cannot copy them whole, as a terminal's own lines. */
  readonly isScreen?: boolean;
}

/** A search whose list was cut, and where. */
export interface MorePages {
  readonly wish: SearchInput;
  readonly cursor: string;
}

export interface Performed {
  readonly layout: Layout;
  /** The outcome in a few words, for when something else is on the screen by then. */
  readonly summary: string;
  /** What went wrong first; absent when all went well. */
  readonly failure?: PeerErrorCode;
  /** Rows whose names can be completed from now on. */
  readonly found?: readonly PublicationRow[];
  /** There are more of these. */
  readonly more?: MorePages | undefined;
  /** From now on the peer's own download folder counts. */
  readonly isFolderChanged?: boolean;
}

/** An outcome that went well. */
export function told(layout: Layout): Performed {
  return { layout, summary: firstLine(layout) };
}

/** The outcome in a few words: its first line. */
export function firstLine(layout: Layout): string {
  return layout(Infinity)
    .at(0)
    .map(({ text }) => text)
    .join('')
    .replace(/:$/, '');
}
