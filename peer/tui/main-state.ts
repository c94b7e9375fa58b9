/** What the main screen shows, as data. */
import type { PeerState } from '../api.js';
import type { Layout } from '../wording/listing.js';
import type { Editor } from './editor.js';
import type { Asking } from './hidden-question.js';

export interface Message {
  /** ms since epoch. */
  readonly at: number;
  readonly level: 'info' | 'good' | 'warning' | 'error';
  /** Safe to show. */
  readonly text: string;
}

/** The outcome of a command. */
export interface Result {
  /** The line as it was entered; safe to show. */
  readonly title: string;
  readonly layout: Layout;
}

export interface MainState {
  readonly peer: PeerState;
  readonly editor: Editor;
  /** Stands in place of the command line. */
  readonly asking?: Asking;
  readonly result: Result;
  /** First row of the result that is seen. */
  readonly scroll: number;
  /** Latest last. */
  readonly messages: readonly Message[];
  /** What Tab found, when it is more than one. */
  readonly choices: readonly string[];
  /** The command that Ctrl-C would stop. */
  readonly running?: string;
  /** Ended transfers that were seen and are no longer shown. */
  readonly seen: ReadonlySet<string>;
  /** ms since epoch, when this state was made. */
  readonly now: number;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}
