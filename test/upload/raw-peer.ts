// A downloader by hand: writes lines and garbage to a peer's file port and records what comes back.
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';

import type { Identity } from '../../common/wire/identity.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import type { TestPeer } from '../download/swarm-fixture.js';
import { waitFor } from '../support/wait-for.js';

export interface Answer {
  readonly type: string;
  readonly id?: number;
  readonly code?: string;
  readonly [field: string]: unknown;
}

export class RawPeer {
  readonly answers: Answer[] = [];
  /** Raw bytes of runs. */
  received = 0;
  isClosed = false;
  readonly bytes: Buffer[] = [];
  #buffered = Buffer.alloc(0);
  #rawLeft = 0;

  private constructor(readonly socket: TLSSocket) {
    socket.on('data', (data: Buffer) => this.#take(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static async connect(peer: TestPeer, identity: Identity | undefined): Promise<RawPeer> {
    const { socket } = await connectPinned({
      host: '127.0.0.1',
      port: peer.port.port,
      pin: peer.identity.pin,
      alpn: 'shoal-peer/1',
      identity,
      timeoutMs: 5_000,
      signal: AbortSignal.timeout(30_000),
    });
    return new RawPeer(socket);
  }

  line(value: object): void {
    this.socket.write(`${JSON.stringify(value)}\n`);
  }

  /** The first answer that fits, waiting for it. */
  answer(type: string, id?: number): Promise<Answer> {
    return waitFor(
      () => this.answers.find((answer) => answer.type === type && (id === undefined || answer.id === id)),
      { what: `an answer ${type}` },
    );
  }

  /** Code of the error to request `id`. */
  async errorCode(id: number): Promise<string> {
    const answer = await this.answer('error', id);
    return (answer['error'] as { code: string }).code;
  }

  async closed(): Promise<void> {
    if (!this.isClosed) await once(this.socket, 'close');
  }

  close(): void {
    this.socket.destroy();
  }

  #take(data: Buffer): void {
    let rest = Buffer.concat([this.#buffered, data]);
    for (;;) {
      const raw = rest.subarray(0, this.#rawLeft);
      if (raw.length > 0) this.bytes.push(Buffer.from(raw));
      this.received += raw.length;
      this.#rawLeft -= raw.length;
      rest = rest.subarray(raw.length);
      const end = this.#rawLeft > 0 ? -1 : rest.indexOf(10);
      if (end < 0) break;
      const answer = JSON.parse(rest.subarray(0, end).toString()) as Answer;
      rest = rest.subarray(end + 1);
      this.answers.push(answer);
      if (answer.type === 'run') this.#rawLeft = answer['bytes'] as number;
    }
    this.#buffered = rest;
  }
}
