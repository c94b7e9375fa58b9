import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import { withDeadline } from '../../common/runtime/deadline.js';
import type { Peer } from '../api.js';
import { type Coalesced, coalesce } from './coalesce.js';
import { LineSplitter, LineTooLongError } from './local-lines.js';
import {
  encodeAnswer,
  LOCAL_VERSION,
  type LocalAnswer,
  type LocalRequest,
  LocalRequestError,
  MAX_ANSWER_BYTES,
  MAX_CALLS_A_CLIENT,
  MAX_REQUEST_BYTES,
  parseRequest,
  problemOf,
} from './local-messages.js';

/** State goes to a watching client at most this often. */
const STATE_INTERVAL_MS = 100;

type Call = LocalRequest & { readonly kind: 'call' };

/** One client of the local socket, from its greeting to its end; when it hangs up, its calls are aborted. */
export class LocalSession {
  readonly #calls = new Map<number, AbortController>();
  readonly #lines = new LineSplitter(MAX_REQUEST_BYTES);
  readonly #statePush: Coalesced;
  #unwatch: (() => void) | undefined;
  #isStateOwed = false;

  constructor(
    private readonly peer: Peer,
    private readonly socket: Socket,
    private readonly clock: Clock,
  ) {
    this.#statePush = coalesce(() => this.#sendState(), STATE_INTERVAL_MS, clock);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('drain', () => this.#isStateOwed && this.#sendState());
    socket.on('error', () => socket.destroy()); // the client is gone; 'close' follows and cleans up
    socket.once('close', () => this.#end());
    this.#send({ hello: LOCAL_VERSION, state: peer.state() });
  }

  /** Sends what is still to be sent, then hangs up; after `farewellMs` without waiting for the reader. */
  async close(farewellMs: number): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = once(this.socket, 'close');
    using deadline = withDeadline(new AbortController().signal, farewellMs, this.clock);
    deadline.signal.addEventListener('abort', () => this.socket.destroy(), { once: true });
    this.socket.destroySoon();
    await closed;
  }

  #receive(bytes: Buffer): void {
    try {
      for (const line of this.#lines.push(bytes)) this.#handle(line);
    } catch (error) {
      if (!(error instanceof LineTooLongError)) throw error;
      this.socket.destroy(); // what follows cannot be told apart any more
    }
  }

  #handle(line: string): void {
    try {
      const request = parseRequest(line);
      if (request.kind === 'watch') this.#watch(request.on);
      else if (request.kind === 'cancel') this.#calls.get(request.id)?.abort();
      else void this.#run(request);
    } catch (error) {
      if (!(error instanceof LocalRequestError)) throw error;
      if (error.id === undefined) this.socket.destroy();
      else this.#send({ id: error.id, problem: { code: 'usage', message: error.message } });
    }
  }

  /** Never rejects: every outcome, a bug of the peer included, becomes an answer. */
  async #run({ id, name, input, progress }: Call): Promise<void> {
    if (this.#calls.has(id) || this.#calls.size >= MAX_CALLS_A_CLIENT) {
      this.#send({
        id,
        problem: { code: 'too-many', message: 'Too many commands at once. Wait until one has ended.' },
      });
      return;
    }
    const controller = new AbortController();
    this.#calls.set(id, controller);
    try {
      const onProgress = (event: Parameters<NonNullable<Parameters<Peer['call']>[2]['onProgress']>>[0]): void => {
        if (!this.socket.writableNeedDrain) this.#send({ id, progress: event }); // a slow reader misses steps, never the result
      };
      const options = progress ? { signal: controller.signal, onProgress } : { signal: controller.signal };
      this.#send({ id, result: await this.peer.call(name, input as never, options) });
    } catch (error) {
      this.#send({ id, problem: problemOf(error, controller.signal) });
    } finally {
      this.#calls.delete(id);
    }
  }

  #watch(on: boolean): void {
    if (!on) {
      this.#stopWatching();
      return;
    }
    this.#unwatch ??= this.peer.onState(() => this.#statePush.poke());
    this.#statePush.poke(); // what changed between the greeting and now
  }

  #stopWatching(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  #sendState(): void {
    this.#isStateOwed = this.socket.writableNeedDrain; // only the newest state is worth sending: wait for the reader
    if (!this.#isStateOwed) this.#send({ state: this.peer.state() });
  }

  #send(answer: LocalAnswer): void {
    if (!this.socket.writable) return;
    const line = encodeAnswer(answer);
    if (Buffer.byteLength(line) <= MAX_ANSWER_BYTES) this.socket.write(line);
    else if ('id' in answer) this.#send({ id: answer.id, problem: TOO_LARGE });
  }

  #end(): void {
    this.#statePush.stop();
    this.#stopWatching();
    for (const controller of this.#calls.values()) controller.abort();
  }
}

const TOO_LARGE = {
  code: 'too-large',
  message: 'The answer is too large for the local socket. Ask for less, or in pages.',
} as const;
