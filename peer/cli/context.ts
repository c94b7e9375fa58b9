import type { Clock } from '../../common/runtime/clock.js';
import type { PeerConfig } from '../../common/runtime/config.js';
import type { Host } from '../../common/runtime/host.js';
import type { PeerDoor, ProgressEvent } from '../api.js';
import type { Door, DoorOptions } from '../door/door.js';
import type { ContactTracker, StartPeer } from '../door/start-peer.js';
import type { Ask, Keyboard } from './ask.js';
import type { Output, OutputStream } from './output.js';

/** The process that a command runs in; `peer/main.ts` gives the real one. */
export interface CliProcess {
  readonly host: Host;
  readonly version: string;
  readonly stdin: CliInput;
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  /** Aborts with an `Interruption` when the command is to end. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface CliStream extends OutputStream {
  readonly isTTY?: boolean;
}

export interface CliInput extends Keyboard {
  readonly isTTY?: boolean;
}

/** The parts behind the commands that are loaded only when one needs them. */
export interface CliParts {
  readonly startPeer: StartPeer;
  readonly contactTracker: ContactTracker;
  /** Hashes a file, offline. @throws {PeerError} */
  readonly identifyFile: IdentifyFile;
  /** The terminal interface, or line by line without a terminal; resolves with the exit code. */
  readonly runInterface: (options: InterfaceOptions) => Promise<number>;
  /** Told by the terminal interface that the tracker does not answer; it may be told often. */
  readonly onTrackerAway?: () => void;
}

export type IdentifyFile = (
  path: string,
  options: { readonly signal: AbortSignal; readonly onProgress: (event: ProgressEvent) => void },
) => Promise<{ readonly fileId: string; readonly sizeBytes: number }>;

export interface InterfaceOptions {
  readonly door: PeerDoor;
  readonly tracker: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly passcode: string | undefined;
  readonly trustOnFirstUse: boolean;
  /** Where downloads go, when the settings name a folder; absolute. */
  readonly downloads: string | undefined;
  readonly signal: AbortSignal;
  readonly host: Host;
}

/** What a command of the shell works with. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly config: PeerConfig;
  readonly process: CliProcess;
  readonly output: Output;
  /** Absent without a terminal: then nobody can be asked. */
  readonly ask?: Ask;
  readonly openDoor: (options?: Partial<Pick<DoorOptions, 'downloads' | 'savedSession'>>) => Door;
  readonly parts: CliParts;
}

/** Does one command and says the outcome. Returns the exit code. @throws {PeerError} for `runCli` to say. */
export type Command = (context: CommandContext) => Promise<number>;

/** Why a command is to end before it is done. */
export class Interruption extends Error {
  override readonly name = 'AbortError';
  constructor(readonly by: NodeJS.Signals | 'EPIPE') {
    super(`interrupted by ${by}`);
  }
}
