/**
 * What an interface (TUI, CLI, daemon client, later the web page) may know of a peer: types, all of them plain JSON, so that the
 * same calls work in-process and through the local socket. Behind it: `peer/peer.ts`. It knows no sockets, no React, no terminal.
 */
import type { DelInput, DelOutcome, PutInput, PutOutcome, RiskRow, StoringEvent, StoringRow } from './api-depot.js';
import type {
  PublishInput,
  PublishOutcome,
  RenameInput,
  Rights,
  RightsInput,
  RightsOutcome,
  ShownTerms,
  UnpublishOutcome,
} from './api-sharing.js';
import type { PeerProblem } from './peer-error.js';

export type * from './api-depot.js';
export * from './api-sharing.js';
export * from './peer-error.js';

import type { AdminAction, AdminRow } from '../common/protocol/admin-messages.js';
import type { LinkInfo, MadeLink } from './api-links.js';
import type { FolderListing, SavedSearchRow, SaveInput, SearchInput, SearchResult } from './api-search.js';

export type { LinkInfo, MadeLink } from './api-links.js';
export type { FolderEntry, FolderListing, SavedSearchRow, SaveInput, SearchInput, SearchResult } from './api-search.js';

import type { LimitInput, LimitsView, RateLimits } from './rates/rate-limits.js';

export type { LimitInput, LimitsView, RateLimits } from './rates/rate-limits.js';

/** How an interface comes to a peer: learn the tracker's identity, trust it, then open. */
export interface PeerDoor {
  /** Asks a tracker for its identity without sending anything about the user. @throws {PeerError} `tracker-unreachable`. */
  contact(tracker: string, options: CallOptions): Promise<TrackerContact>;
  /** Pins `pin` for this tracker address from now on. */
  trust(tracker: string, pin: string): Promise<void>;
  /**
   * Attaches to the user's running peer, or starts one here and logs in. With `wait` it stays until a tracker that is not there yet
   * answers, reporting each try to `onWaiting`. @throws {PeerError} `login-failed`, `already-active`, `untrusted-tracker`, `pin-changed`, …
   */
  open(options: OpenOptions): Promise<Peer>;
}

export interface TrackerContact {
  /** `HOST:PORT`, as typed. */
  readonly address: string;
  /** `sha256:` and 64 hex digits. */
  readonly pin: string;
  readonly trust: 'pinned' | 'new' | 'changed';
  /** The pin on record, when `trust` is `changed`. */
  readonly pinnedBefore?: string;
}

export interface OpenOptions extends CallOptions {
  /** `HOST:PORT` or `HOST:PORT#PIN`. */
  readonly tracker: string;
  readonly user: string;
  /** Not needed when a peer of this user runs already or a saved session is still good. */
  readonly password?: string;
  /** Take part: be listed, serve files. One-shot commands say false. */
  readonly serving: boolean;
  /** Leave the session for later commands, as `shoal login` does. */
  readonly keepSession?: boolean;
  readonly wait?: boolean;
  readonly onWaiting?: (reason: PeerProblem) => void;
}

export interface CallOptions {
  readonly signal: AbortSignal;
}

/** One logged-in peer, here or in another process of the same user. */
export interface Peer {
  /** True when the peer runs in another process and goes on without us. */
  readonly attached: boolean;
  /** The latest state; a new object whenever something changed. */
  state(): PeerState;
  /** Called at most 10 times a second, and only after a change. Returns the undo. */
  onState(listener: (state: PeerState) => void): () => void;
  /** Runs one command. @throws {PeerError} with a stable code. */
  call<K extends CommandName>(name: K, input: CommandInput<K>, options: CommandOptions): Promise<CommandResult<K>>;
  /** Detaches, or, when the peer runs here, ends it: uploads end within 2 s, downloads park, every socket closes. Twice is fine. */
  close(): Promise<void>;
}

export interface CommandOptions extends CallOptions {
  readonly onProgress?: (event: ProgressEvent) => void;
}

export type CommandName = keyof Commands;
export type CommandInput<K extends CommandName> = Commands[K]['input'];
export type CommandResult<K extends CommandName> = Commands[K]['result'];

/** Of a list without pages. */
export interface FirstOnes {
  /** There are others, which it does not hold. */
  readonly more?: true;
}

/** Every command: what goes in, what comes out. Paths are absolute: the interface resolves them in the caller's directory. */
export interface Commands {
  /** My publications, or what `user` publishes and I may fetch, online or not. */
  lpf: { input: { readonly user?: string }; result: FirstOnes & { readonly publications: readonly PublicationRow[] } };
  /** Other active users. */
  lap: { input: Record<string, never>; result: FirstOnes & { readonly users: readonly UserRow[] } };
  /** Publishes files; one outcome a path, in order; one failing path does not stop the others. */
  pub: { input: PublishInput; result: { readonly outcomes: readonly PublishOutcome[] } };
  /** Withdraws mine by name or `id:PREFIX`; one outcome a selector. */
  unp: { input: { readonly selectors: readonly string[] }; result: { readonly outcomes: readonly UnpublishOutcome[] } };
  /** Changes who may fetch mine and on which terms, at once; who loses the right is cut off. One outcome a selector. */
  rights: { input: RightsInput; result: { readonly outcomes: readonly RightsOutcome[] } };
  /** Gives one of mine another name; its content stays where it is, and nothing is hashed. */
  rename: { input: RenameInput; result: { readonly from: string; readonly name: string } };
  /** Publishes, and stores in depots; resolves when all is durable there. The peer must serve meanwhile. */
  put: { input: PutInput; result: { readonly outcomes: readonly PutOutcome[] } };
  /** Removes what is stored, of others too where they allow it. One outcome a selector. */
  del: { input: DelInput; result: { readonly outcomes: readonly DelOutcome[] } };
  /** What may be lost soon: mine, or, with `all`, everything I may fetch. */
  atRisk: { input: { readonly all?: boolean }; result: { readonly publications: readonly RiskRow[] } };
  /** Searches names. An empty text lists everything (`list`). */
  sch: { input: SearchInput; result: SearchResult };
  /** Saves a search: from now on what matches is told at once, or fetched. */
  save: { input: SaveInput; result: { readonly search: SavedSearchRow } };
  searches: { input: Record<string, never>; result: { readonly searches: readonly SavedSearchRow[] } };
  /** Ends a saved search. */
  unsave: { input: { readonly searchId: string }; result: { readonly search: SavedSearchRow } };
  /** What lies in the download folder. */
  ls: { input: Record<string, never>; result: FolderListing };
  /** Says where downloads go that name no folder, or changes it, for later runs too. */
  dir: { input: { readonly directory?: string }; result: { readonly directory: string } };
  /** Fetches one publication; resolves when the file is durable under its name. */
  get: { input: GetInput; result: GetResult };
  /** Who has it now. */
  sources: {
    input: { readonly selector: string };
    result: { readonly publication: PublicationRow; readonly sources: readonly SourceRow[] };
  };
  /** A sealed URL for a file this peer serves, for any HTTP client. Default life: 24 hours. */
  link: { input: { readonly selector: string; readonly expiresInMs?: number }; result: { readonly link: MadeLink } };
  links: { input: Record<string, never>; result: { readonly links: readonly LinkInfo[] } };
  /** Ends a link; the id may be shortened while it stays unique. */
  unlink: { input: { readonly linkId: string }; result: { readonly link: LinkInfo } };
  /** Stops a transfer; what was fetched stays for the next `get`. */
  cancel: { input: TransferInput; result: { readonly transfer: TransferRow } };
  /** Keeps a download still until `resume`, over restarts too. */
  pause: { input: TransferInput; result: { readonly transfer: TransferRow } };
  resume: { input: TransferInput; result: { readonly transfer: TransferRow } };
  /** Tries a failed, stopped or waiting download again, now. */
  retry: { input: TransferInput; result: { readonly transfer: TransferRow } };
  /** Which of the waiting downloads begin first; what runs already goes on. */
  priority: {
    input: TransferInput & { readonly priority: TransferPriority };
    result: { readonly transfer: TransferRow };
  };
  /** Administers the tracker; its account needs admin rights there. A list may go on behind `cursor`. */
  admin: {
    input: { readonly action: AdminAction };
    result: { readonly rows: readonly AdminRow[]; readonly cursor?: string | undefined };
  };
  /** Shows or changes how fast this peer sends and receives; what changes counts at once and after a restart. */
  limit: { input: LimitInput; result: LimitsView };
  status: { input: Record<string, never>; result: PeerState };
  whoami: {
    input: Record<string, never>;
    result: { readonly user: string; readonly tracker: string; readonly devicePin: string };
  };
  /** Ends the session for good: the tracker forgets it, a saved session is removed. */
  logout: { input: Record<string, never>; result: Record<string, never> };
  /** Ends the running peer (also when attached). */
  xit: { input: Record<string, never>; result: Record<string, never> };
}

export interface GetInput {
  /** `NAME`, `@OWNER/NAME` or `id:PREFIX`. */
  readonly selector: string;
  /** Folder to put the file in. Default: the download folder, see `dir`. */
  readonly directory?: string;
  /** Another name for the file. */
  readonly as?: string;
  /** Replace a file that is already there. */
  readonly force?: boolean;
  /** Default: `normal`. */
  readonly priority?: TransferPriority;
  /** For what has one; only asked for when the tracker does. */
  readonly passcode?: string;
}

/** Which download is meant. */
export interface TransferInput {
  /** Its id, its name or `@OWNER/NAME`; absent: the only one that can be meant. */
  readonly transfer?: string;
}

export const TRANSFER_PRIORITIES = ['high', 'normal', 'low'] as const;
export type TransferPriority = (typeof TRANSFER_PRIORITIES)[number];

export interface GetResult {
  readonly path: string;
  readonly transfer: TransferRow;
}

export interface PublicationRow extends ShownTerms {
  readonly publicationId: string;
  readonly name: string;
  readonly owner: string;
  /** A file inside the folder `name`: `sizeBytes` and `fileId` are its own then, and `get` takes NAME/PATH. */
  readonly path?: string;
  /** The publisher's claim, in bytes; of a folder, all its files together. */
  readonly sizeBytes: number;
  /** Files of a folder. */
  readonly files?: number;
  /** Bytes of a folder's listing, for which `fileId` stands. */
  readonly listingBytes?: number;
  /** 64 hex digits; screens show 16. */
  readonly fileId: string;
  readonly kind: 'file' | 'folder';
  /** Others are only told that it is limited, not for whom. */
  readonly rights: Rights | 'limited';
  readonly revision: number;
  /** Sources online now. */
  readonly sources: number;
  /** ms since epoch. */
  readonly publishedAt: number;
  /** When a source was last online, ms since epoch; absent while one is, or when never seen. */
  readonly lastSeenAt?: number;
}

export interface UserRow {
  readonly user: string;
  readonly publications: number;
  /** ms since epoch. */
  readonly since: number;
}

export interface SourceRow {
  readonly user: string;
  readonly devicePin: string;
  readonly has: 'all' | 'part';
  /** `HOST:PORT`, best first; empty when nobody can dial it: it dials back, or is met at the relay. */
  readonly addresses: readonly string[];
}

export type TransferState =
  | 'waiting'
  | 'checking'
  | 'fetching'
  | 'finishing'
  | 'paused'
  | 'done'
  | 'failed'
  | 'stopped';

/** One download. */
export interface TransferRow {
  readonly transferId: string;
  /** Of a folder: files that are there, and all that are wanted, as far as they are known. */
  readonly files?: { readonly done: number; readonly total: number };
  readonly name: string;
  readonly owner: string;
  readonly fileId: string;
  readonly sizeBytes: number;
  /** Verified and written. */
  readonly doneBytes: number;
  /** Payload that came over the wire in this run and is in the file or was wasted; what is between the two does not count yet. */
  readonly receivedBytes: number;
  /** Found in the `.part` of an earlier run. */
  readonly resumedBytes: number;
  /** Of those received: what had come from another source already, at the end of a download. */
  readonly duplicateBytes?: number;
  readonly bytesPerSecond: number;
  readonly etaMs?: number;
  readonly sources: readonly TransferSource[];
  readonly state: TransferState;
  /** Why it failed, or why it waits. */
  readonly problem?: PeerProblem;
  /** When it is tried again by itself while it waits, ms since epoch. */
  readonly retryAt?: number;
  /** Absent: `normal`. */
  readonly priority?: TransferPriority;
  /** Of this download alone; absent: that of all. */
  readonly limitBytesPerSecond?: number;
  /** Where the file goes. */
  readonly path: string;
  /** Of a folder that was brought up to date: files in it that its publisher has not, or not any more. They stay as they are. */
  readonly unlisted?: UnlistedFiles;
}

export interface UnlistedFiles {
  readonly count: number;
  /** The first ones, inside the folder. */
  readonly paths: readonly string[];
}

export interface TransferSource {
  readonly user: string;
  readonly address: string;
  readonly state: 'connecting' | 'queued' | 'checking' | 'sending' | 'idle' | 'dropped';
  /** The way of the last connection: we dialled, the source did as it was asked to, or both meet at the tracker. */
  readonly via?: 'direct' | 'dialled back' | 'relayed';
  /** Place in the source's upload queue, from 1, while `queued`. */
  readonly queuePosition?: number;
  /** How long that may still take; absent while the source cannot tell. */
  readonly queueEtaMs?: number;
  readonly verifiedBytes: number;
  readonly bytesPerSecond: number;
  /** Why it was dropped. */
  readonly problem?: PeerProblem;
}

/** One file being sent. */
export interface UploadRow {
  readonly name: string;
  readonly user: string;
  readonly sentBytes: number;
  readonly bytesPerSecond: number;
}

/** One file being hashed for `pub`. */
export interface HashingRow {
  readonly path: string;
  readonly doneBytes: number;
  readonly sizeBytes: number;
}

export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'online' }
  /** The tracker does not answer; next try at `retryAt`, ms since epoch. */
  | { readonly kind: 'waiting'; readonly problem: PeerProblem; readonly retryAt: number }
  /** It will not come back by itself: the session was ended. */
  | { readonly kind: 'ended'; readonly problem: PeerProblem };

export interface PeerState {
  readonly tracker: { readonly address: string; readonly pin: string };
  readonly user: string;
  readonly connection: ConnectionState;
  /** Where this peer's file port listens; absent when it does not serve. */
  readonly filePort?: { readonly host: string; readonly port: number; readonly pin: string };
  readonly receivedBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
  /** In force now; absent: none. */
  readonly limits?: RateLimits;
  readonly downloads: readonly TransferRow[];
  readonly uploads: readonly UploadRow[];
  readonly hashing: readonly HashingRow[];
  readonly storing: readonly StoringRow[];
  /** Latest last; at most 200. */
  readonly notices: readonly Notice[];
}

/** Something a person should read: a connection lost, a source that lied, a download done by itself. */
export interface Notice {
  readonly noticeId: number;
  /** ms since epoch. */
  readonly at: number;
  readonly level: 'info' | 'warning' | 'error';
  readonly text: string;
}

export type ProgressEvent =
  | { readonly event: 'hashing'; readonly path: string; readonly doneBytes: number; readonly sizeBytes: number }
  | { readonly event: 'transfer'; readonly transfer: TransferRow }
  | StoringEvent;
