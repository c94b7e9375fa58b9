import type { CallOptions, Peer, PeerProblem } from '../api.js';

/** How a peer serves, whoever opens it. */
export interface PeerSettings {
  /** Where the file port listens, and how others are told to reach it. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly advertise?: string | undefined;
  /** Bytes a second for all uploads together. Default: no limit. */
  readonly uploadLimit?: number | undefined;
  /** Where downloads go that name no folder, whatever `dir` chose before; absolute. */
  readonly downloads?: string | undefined;
  /** Bytes a second for all downloads together. Default: no limit. */
  readonly downloadLimit?: number | undefined;
  /** Downloads that run at once. Default: 4. */
  readonly maxDownloads?: number | undefined;
  /** Bytes that this peer offers as a depot. Default: it is none. */
  readonly depot?: number | undefined;
  /** Never log in over UDP, whose key exchange is not post-quantum. Default: no. */
  readonly pqOnly?: boolean | undefined;
  /** A level of `common/runtime/log.ts`. Default: `silent`, with a file `info`. */
  readonly logLevel?: string | undefined;
  readonly logFile?: string | undefined;
}

/** What the in-process peer is started with; `peer/peer.ts` is the real one, tests give their own. */
export interface StartPeerOptions extends CallOptions {
  /** The installation: its device key lies here. */
  readonly dataDir: string;
  /** What belongs to this tracker identity and user: library, saved session. */
  readonly stateDir: string;
  readonly tracker: { readonly host: string; readonly port: number; readonly pin: string };
  readonly user: string;
  readonly password?: string;
  readonly serving: boolean;
  /** Leave the session for later commands, as `shoal login` does. */
  readonly keepSession: boolean;
  readonly settings: PeerSettings;
  /** Stay until a tracker that is not there yet answers. */
  readonly wait: boolean;
  readonly onWaiting: (reason: PeerProblem) => void;
  /** Where downloads go when neither the settings nor `dir` name a folder; absolute. */
  readonly downloads: string;
  /** Go on with the session that an earlier run saved, when it is still good. */
  readonly resumeSaved: boolean;
}

export type StartPeer = (options: StartPeerOptions) => Promise<Peer>;

/** Asks a tracker for its identity; `peer/tracker-client/contact.ts`. */
export type ContactTracker = (host: string, port: number, options: CallOptions) => Promise<{ readonly pin: string }>;
