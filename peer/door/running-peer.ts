import { setImmediate } from 'node:timers/promises';
import type { CommandInput, CommandName, CommandOptions, CommandResult, Peer, PeerProblem, PeerState } from '../api.js';
import type { LocalServer } from '../daemon/local-server.js';

/** What a serving peer holds besides itself, given back in this order after it has ended. */
export interface RunningPeerParts {
  readonly peer: Peer;
  readonly lock: Disposable;
}

/**
 * The peer that runs in this process for all programs of its user. To `Peer` it adds the order of the end: no new clients, then the
 * peer, then the clients, then the lock; so whoever gets the lock next finds nothing half alive. `xit` and `logout`, from here or from
 * a client, begin it; the state then says `ended`.
 */
export class RunningPeer implements Peer {
  readonly attached = false;
  readonly #listeners = new Set<(state: PeerState) => void>();
  #server: LocalServer | undefined;
  #ended: PeerProblem | undefined;
  #closing: Promise<void> | undefined;

  constructor(private readonly parts: RunningPeerParts) {}

  /** Gives it the socket to close at the end. */
  opened(server: LocalServer): void {
    this.#server = server;
  }

  state(): PeerState {
    const state = this.parts.peer.state();
    return this.#ended === undefined ? state : { ...state, connection: { kind: 'ended', problem: this.#ended } };
  }

  onState(listener: (state: PeerState) => void): () => void {
    const entry = (): void => listener(this.state());
    this.#listeners.add(entry);
    const undo = this.parts.peer.onState(entry);
    return () => {
      this.#listeners.delete(entry);
      undo();
    };
  }

  async call<K extends CommandName>(
    name: K,
    input: CommandInput<K>,
    options: CommandOptions,
  ): Promise<CommandResult<K>> {
    if (name === 'xit') {
      this.#endSoon({ code: 'interrupted', message: 'The peer was ended by xit.' });
      return {} as CommandResult<K>;
    }
    const result = await this.parts.peer.call(name, input, options);
    if (name === 'logout') this.#endSoon({ code: 'interrupted', message: 'Logged out.' });
    return result;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The answer to the command goes out first: whoever asked is told before its line ends. */
  #endSoon(problem: PeerProblem): void {
    this.#ended ??= problem;
    void this.#end();
  }

  async #end(): Promise<void> {
    await setImmediate();
    for (const listener of [...this.#listeners]) listener(this.state());
    await this.close().catch(() => undefined); // whoever opened this peer calls close() as well, and hears of the failure there
  }

  async #close(): Promise<void> {
    this.#server?.stopAccepting();
    try {
      await this.parts.peer.close();
      await this.#server?.close();
    } finally {
      this.parts.lock[Symbol.dispose]();
    }
  }
}
