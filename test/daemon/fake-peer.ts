// A peer without a tracker: it records what it is asked, and does what a test tells it.
import {
  type CommandInput,
  type CommandName,
  type CommandOptions,
  type CommandResult,
  type Peer,
  PeerError,
  type PeerState,
  type PublicationRow,
  type TransferRow,
} from '../../peer/api.js';

export const FAKE_PIN = `sha256:${'5a'.repeat(32)}`;

type Handlers = {
  [K in CommandName]?: (input: CommandInput<K>, options: CommandOptions) => Promise<CommandResult<K>>;
};

export interface RecordedCall {
  readonly name: CommandName;
  readonly input: object;
  readonly signal: AbortSignal;
}

export class FakePeer implements Peer {
  readonly attached = false;
  readonly calls: RecordedCall[] = [];
  readonly handlers: Handlers = {};
  closes = 0;
  readonly #listeners = new Set<(state: PeerState) => void>();
  #state: PeerState;

  constructor(state: Partial<PeerState> = {}) {
    this.#state = { ...EMPTY_STATE, ...state };
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  state(): PeerState {
    return this.#state;
  }

  change(state: Partial<PeerState>): void {
    this.#state = { ...this.#state, ...state };
    for (const listener of [...this.#listeners]) listener(this.#state);
  }

  onState(listener: (state: PeerState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async call<K extends CommandName>(
    name: K,
    input: CommandInput<K>,
    options: CommandOptions,
  ): Promise<CommandResult<K>> {
    this.calls.push({ name, input, signal: options.signal });
    const handler = this.handlers[name];
    if (handler === undefined) throw new PeerError({ code: 'not-yet', message: `no handler for ${name}` });
    return handler(input, options);
  }

  async close(): Promise<void> {
    this.closes += 1;
  }
}

export const EMPTY_STATE: PeerState = {
  tracker: { address: '127.0.0.1:7465', pin: FAKE_PIN },
  user: 'ana',
  connection: { kind: 'online' },
  receivedBytesPerSecond: 0,
  sentBytesPerSecond: 0,
  downloads: [],
  uploads: [],
  hashing: [],
  storing: [],
  notices: [],
};

export function publication(name: string, more: Partial<PublicationRow> = {}): PublicationRow {
  return {
    publicationId: `p-${name}`,
    name,
    owner: 'bob',
    sizeBytes: 1_048_576,
    fileId: 'ab'.repeat(32),
    kind: 'file',
    rights: 'public',
    revision: 1,
    sources: 1,
    publishedAt: 1_900_000_000_000,
    ...more,
  };
}

export function transfer(name: string, more: Partial<TransferRow> = {}): TransferRow {
  return {
    transferId: 't1',
    name,
    owner: 'bob',
    fileId: 'ab'.repeat(32),
    sizeBytes: 1_048_576,
    doneBytes: 0,
    receivedBytes: 0,
    resumedBytes: 0,
    bytesPerSecond: 0,
    sources: [],
    state: 'fetching',
    path: `/nowhere/${name}`,
    ...more,
  };
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
