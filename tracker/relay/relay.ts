/**
 * Where two peers meet that cannot dial one another: each opens a connection of its own, shows its session and the token of their
 * meeting, and from then on they hear each other. See docs/protocol.md "Relay". Who may meet is decided by `handlers/reach.ts`.
 */
import type { TLSSocket } from 'node:tls';
import { ProtocolError } from '../../common/protocol/errors.js';
import { encodeJson } from '../../common/protocol/json.js';
import { HELLO_DEADLINE_MS, MAX_RELAY_LINE_BYTES } from '../../common/protocol/limits.js';
import { parseRelayHello } from '../../common/protocol/parse.js';
import type { RelayAnswer } from '../../common/protocol/reach-fields.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Log } from '../../common/runtime/log.js';
import { LineDecoder } from '../../common/wire/line-decoder.js';
import { errorBodyOf } from '../error-body.js';
import { plainHost, sourceOf } from '../registry/addresses.js';
import type { Meeting, Meetings } from '../registry/meetings.js';
import type { Registry } from '../registry/registry.js';
import type { Session } from '../registry/session.js';
import { TcpPlaces } from '../transport/tcp-places.js';
import type { RelayAccount, RelayAccounts } from './relay-accounts.js';
import { RelayPair } from './relay-pair.js';

const NEWLINE = Buffer.from('\n');

export interface RelayOptions {
  readonly registry: Registry;
  readonly meetings: Meetings;
  readonly relayAccounts: RelayAccounts;
  readonly clock: Clock;
  readonly log: Log;
}

/** A connection that has said who it is, and waits for the other one. */
interface Waiting {
  readonly meeting: Meeting;
  readonly socket: TLSSocket;
  readonly account: RelayAccount;
  /** Ends the waiting. */
  readonly timer: Timer;
}

export class Relay implements Part {
  readonly #options: RelayOptions;
  /** Those that have not said who they are: an address has a number of them. */
  readonly #strangers = new TcpPlaces<{ readonly isEntering: false; close(): void }>();
  readonly #sockets = new Set<TLSSocket>();
  readonly #waiting = new Map<Meeting, Waiting>();
  /** Which sessions have come to a meeting: a token is good once for each. */
  readonly #came = new WeakMap<Meeting, Set<Session>>();
  readonly #pairs = new Set<RelayPair>();
  #isStopped = false;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Takes over a connection that named the relay in its handshake. */
  take(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    if (this.#isStopped) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#hear(socket)
      .then((hello) => this.#meet(socket, hello))
      .catch((error: unknown) => this.#refuse(socket, error));
  }

  stop(): void {
    this.#isStopped = true;
    for (const pair of this.#pairs) pair.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The one line that a stranger may send. It does not go on before it is answered. */
  async #hear(socket: TLSSocket): Promise<Buffer> {
    const place = { isEntering: false, close: () => socket.destroy() } as const;
    if (!this.#strangers.enter(place, sourceOf(plainHost(socket.remoteAddress ?? '')))) throw new ProtocolError('busy');
    const timer = this.#options.clock.setTimer(() => socket.destroy(), HELLO_DEADLINE_MS);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const decoder = new LineDecoder(MAX_RELAY_LINE_BYTES);
    const onData = (bytes: Buffer): void => {
      try {
        const { value: line } = decoder.push(bytes).next();
        if (line === undefined) return;
        if (decoder.takeRest().length > 0) throw new ProtocolError('bad-message');
        resolve(line);
        socket.pause();
      } catch (error) {
        reject(error);
      }
    };
    socket.on('data', onData).once('close', () => reject(new ProtocolError('cancelled')));
    try {
      return await promise;
    } finally {
      timer.cancel();
      this.#strangers.leave(place);
      socket.off('data', onData).pause();
    }
  }

  #meet(socket: TLSSocket, line: Buffer): void {
    const { registry, meetings, relayAccounts } = this.#options;
    const hello = parseRelayHello(line);
    const session = registry.find(hello.session);
    if (session === undefined || session.isEnded || !session.hasProven(hello)) throw new ProtocolError('not-allowed');
    const meeting = meetings.atRelay(hello.token, session);
    if (meeting === undefined || !this.#comesFirst(meeting, session)) throw new ProtocolError('not-allowed');
    const other = this.#waiting.get(meeting);
    if (other === undefined) this.#wait(meeting, socket, relayAccounts.begin(meeting.asker.user));
    else this.#pair(other, socket);
  }

  /** False when this session has come to it before. */
  #comesFirst(meeting: Meeting, session: Session): boolean {
    const came = this.#came.get(meeting) ?? new Set();
    this.#came.set(meeting, came);
    if (came.has(session)) return false;
    came.add(session);
    return true;
  }

  /** A meeting lasts a few seconds: nobody waits longer for the other. */
  #wait(meeting: Meeting, socket: TLSSocket, account: RelayAccount): void {
    const { clock } = this.#options;
    const leftMs = Math.max(0, meeting.expiresAt - clock.monotonic());
    const timer = clock.setTimer(() => this.#refuse(socket, new ProtocolError('unreachable')), leftMs);
    const waiting: Waiting = { meeting, socket, account, timer };
    this.#waiting.set(meeting, waiting);
    socket.once('close', () => {
      timer.cancel();
      if (!this.#waiting.delete(meeting)) return; // they have met
      account[Symbol.dispose]();
    });
    // Nothing may come before the answer; a close is seen only while somebody reads.
    socket.once('data', () => {
      if (this.#waiting.get(meeting) === waiting) socket.destroy();
    });
    socket.resume();
  }

  #pair({ meeting, socket: first, account, timer }: Waiting, second: TLSSocket): void {
    this.#waiting.delete(meeting);
    timer.cancel();
    const { clock, log } = this.#options;
    const { asker, source } = meeting;
    let passed = 0;
    for (const socket of [first, second]) answer(socket, { ok: true });
    const pair = new RelayPair({
      ends: [first, second],
      clock,
      mayPass: (bytes) => {
        passed += bytes;
        return account.spend(bytes) && !asker.isEnded && !source.isEnded;
      },
      onClose: () => {
        this.#pairs.delete(pair);
        account[Symbol.dispose]();
        log.write('info', 'relayed', { user: asker.user, source: source.user, bytes: passed });
      },
    });
    this.#pairs.add(pair);
  }

  #refuse(socket: TLSSocket, error: unknown): void {
    if (socket.destroyed) return;
    answer(socket, { ok: false, error: errorBodyOf(error, this.#options.log) });
    socket.destroySoon();
  }
}

function answer(socket: TLSSocket, message: RelayAnswer): void {
  socket.write(Buffer.concat([encodeJson(message), NEWLINE]));
}
