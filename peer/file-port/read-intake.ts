import type { OnReadOpts, Socket } from 'node:net';

/** As much as one read of the system brings at once, bytes. */
const BUFFER_BYTES = 64 * 1024;

/**
 * Takes what a socket reads in one buffer that is used again and again: a buffer of its own for every TLS record, 65,536 a GiB, cost
 * more than a quarter of the processor time of a download. Given to the socket when it is made, as only then Node takes it.
 */
export class ReadIntake {
  /** For `connectPinned`. */
  readonly onread: OnReadOpts;
  /** What came before anybody was there: no more than one read, since then reading stops. */
  readonly #early: Buffer[] = [];
  #taker: ((bytes: Buffer) => void) | undefined;

  constructor() {
    const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
    this.onread = { buffer, callback: (length) => this.#take(buffer.subarray(0, length)) };
  }

  /** From now on `taker` gets all that `socket` reads, in order; each is a view that is good only during the call. */
  attach(socket: Socket, taker: (bytes: Buffer) => void): void {
    this.#taker = taker;
    for (const bytes of this.#early.splice(0)) taker(bytes);
    socket.resume();
  }

  /** Returns whether more may come. */
  #take(bytes: Buffer): boolean {
    if (this.#taker === undefined) this.#early.push(Buffer.from(bytes));
    else this.#taker(bytes);
    return this.#taker !== undefined;
  }
}
