/**
 * The other end of `local-server.ts`: a `Peer` whose work is done by the user's running peer in another process. It lives as long as the
 * line: when the running peer ends, every call fails, the state becomes `ended` and listeners hear of it.
 */
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { withDeadline } from '../../common/runtime/deadline.js';
import {
  type CallOptions,
  type CommandInput,
  type CommandName,
  type CommandOptions,
  type CommandResult,
  type Peer,
  PeerError,
  type PeerProblem,
  type PeerState,
  type ProgressEvent,
} from '../api.js';
import { LineSplitter } from './local-lines.js';
import {
  encodeCall,
  encodeCancel,
  encodeWatch,
  LOCAL_VERSION,
  type LocalAnswer,
  MAX_ANSWER_BYTES,
  MAX_REQUEST_BYTES,
  parseAnswer,
} from './local-messages.js';
import { judgeSocketFolder } from './socket-folder.js';

/** A running peer greets at once; one that is stopped or hangs is not waited for longer. */
const HELLO_TIMEOUT_MS = 5_000;

/** A cancelled command normally answers at once; its `.part` is safe without the answer. */
const CANCEL_ANSWER_MS = 2_000;

export interface AttachOptions extends CallOptions {
  readonly clock?: Clock;
}

/**
 * Attaches to the running peer at `path`; `undefined` when none is listening.
 * @throws {PeerError} `in-use` when it does not answer, `not-allowed` when the socket is another user's, `protocol` on another version.
 */
export async function attachLocal(
  path: string,
  { signal, clock = systemClock }: AttachOptions,
): Promise<Peer | undefined> {
  if (!(await isReachable(path))) return undefined;
  signal.throwIfAborted();
  const socket = connect({ path });
  const peer = new AttachedPeer(socket, clock);
  using deadline = withDeadline(signal, HELLO_TIMEOUT_MS, clock);
  const onAbort = (): void => void socket.destroy();
  deadline.signal.addEventListener('abort', onAbort, { once: true });
  try {
    await peer.greeted;
    return peer;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (deadline.signal.aborted) throw new PeerError(SILENT, { cause: error });
    return noPeer(error, path);
  } finally {
    deadline.signal.removeEventListener('abort', onAbort);
  }
}

/** A peer of ours listens only where nobody else can have put a socket. An open folder is tightened when the next peer starts. */
async function isReachable(path: string): Promise<boolean> {
  if (path.startsWith('\\\\')) return true; // a named pipe
  const folder = await judgeSocketFolder(dirname(path));
  if (folder === 'foreign') throw notOurs(path);
  return folder === 'own';
}

function noPeer(error: unknown, path: string): undefined {
  if (error instanceof PeerError && error.code === 'protocol') throw error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') throw notOurs(path);
  return undefined; // nobody there, a dead socket file, or a peer that ended while we came
}

function notOurs(path: string): PeerError {
  return new PeerError({
    code: 'not-allowed',
    message: `The socket ${path} or its folder belongs to another user, or is a link. Choose a folder of your own with --data.`,
  });
}

const SILENT: PeerProblem = {
  code: 'in-use',
  message: 'Your running peer does not answer. Wait a moment, or end its process and start it again.',
};
const GONE: PeerProblem = {
  code: 'internal',
  message: 'The running peer ended before it answered. Run the command again.',
};
const ENDED: PeerProblem = { code: 'interrupted', message: 'The running peer has ended.' };

interface PendingCall {
  readonly resolve: (result: object) => void;
  readonly reject: (error: PeerError) => void;
  readonly onProgress: ((event: ProgressEvent) => void) | undefined;
}

class AttachedPeer implements Peer {
  readonly attached = true;
  readonly greeted: Promise<void>;
  readonly #lines = new LineSplitter(MAX_ANSWER_BYTES);
  readonly #greeting = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #calls = new Map<number, PendingCall>();
  readonly #listeners = new Set<(state: PeerState) => void>();
  #state: PeerState | undefined;
  #lastId = 0;

  constructor(
    private readonly socket: Socket,
    private readonly clock: Clock,
  ) {
    this.greeted = this.#greeting.promise;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', (error) => this.#greeting.reject(error)); // 'close' follows and fails the calls
    socket.once('close', () => this.#end());
  }

  state(): PeerState {
    if (this.#state === undefined) throw new Error('state() before the greeting');
    return this.#state;
  }

  onState(listener: (state: PeerState) => void): () => void {
    const entry = (state: PeerState): void => listener(state); // so that the same listener may be given twice
    this.#listeners.add(entry);
    if (this.#listeners.size === 1) this.#write(encodeWatch(true));
    return () => {
      if (this.#listeners.delete(entry) && this.#listeners.size === 0) this.#write(encodeWatch(false));
    };
  }

  async call<K extends CommandName>(
    name: K,
    input: CommandInput<K>,
    { signal, onProgress }: CommandOptions,
  ): Promise<CommandResult<K>> {
    if (signal.aborted) throw new PeerError({ code: 'interrupted', message: '' });
    if (!this.socket.writable) throw new PeerError(GONE);
    this.#lastId += 1;
    const id = this.#lastId;
    const line = encodeCall(id, name, input, onProgress !== undefined);
    if (Buffer.byteLength(line) > MAX_REQUEST_BYTES)
      throw new PeerError({ code: 'too-many', message: 'Too much for one command. Give it in parts.' });
    const answer = Promise.withResolvers<object>();
    this.#calls.set(id, { resolve: answer.resolve, reject: answer.reject, onProgress });
    this.#write(line);
    return (await this.#cancellable(id, answer.promise, signal)) as CommandResult<K>;
  }

  async close(): Promise<void> {
    this.socket.destroySoon();
    await this.#closed.promise;
  }

  async #cancellable(id: number, answer: Promise<object>, signal: AbortSignal): Promise<object> {
    let giveUp: Disposable | undefined;
    const onAbort = (): void => {
      this.#write(encodeCancel(id));
      const timer = this.clock.setTimer(() => this.#settle(id)?.reject(new PeerError(INTERRUPTED)), CANCEL_ANSWER_MS);
      giveUp = { [Symbol.dispose]: () => timer.cancel() };
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await answer;
    } finally {
      signal.removeEventListener('abort', onAbort);
      giveUp?.[Symbol.dispose]();
      this.#calls.delete(id);
    }
  }

  #receive(bytes: Buffer): void {
    try {
      for (const line of this.#lines.push(bytes)) this.#handle(parseAnswer(line));
    } catch (error) {
      this.#greeting.reject(error);
      this.socket.destroy();
    }
  }

  #handle(answer: LocalAnswer): void {
    if ('state' in answer) this.#takeState(answer);
    else if ('progress' in answer) this.#calls.get(answer.id)?.onProgress?.(answer.progress);
    else if ('result' in answer) this.#settle(answer.id)?.resolve(answer.result);
    else this.#settle(answer.id)?.reject(new PeerError(answer.problem));
  }

  #takeState(answer: LocalAnswer & { readonly state: PeerState }): void {
    if (this.#state === undefined && (!('hello' in answer) || answer.hello !== LOCAL_VERSION))
      throw new PeerError(OTHER_VERSION);
    this.#state = answer.state;
    this.#greeting.resolve();
    this.#tell();
  }

  #settle(id: number): PendingCall | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener(this.state());
  }

  #write(line: string): void {
    if (this.socket.writable) this.socket.write(line);
  }

  #end(): void {
    this.#greeting.reject(new PeerError(GONE));
    this.#closed.resolve();
    for (const id of [...this.#calls.keys()]) this.#settle(id)?.reject(new PeerError(GONE));
    if (this.#state === undefined) return;
    this.#state = { ...this.#state, connection: { kind: 'ended', problem: ENDED } };
    this.#tell();
  }
}

const INTERRUPTED: PeerProblem = { code: 'interrupted', message: '' };
const OTHER_VERSION: PeerProblem = {
  code: 'protocol',
  message:
    'Your running peer is another version of Shoal. End it (shoal xit, with its own version) and start it again.',
};
