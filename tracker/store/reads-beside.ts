/**
 * Reads on a connection of their own, as the thread sees them that moves pages from the log to the database. One that began earlier keeps the
 * pages in the log that are newer than it, and the log from being written from its beginning again: by waiting for one read to end, however
 * many come after it, both can be done. Number of begun and ended reads, odd while there is one.
 */
export class ReadsBeside {
  readonly #count: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.#count = new Int32Array(shared);
  }

  static shared(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  begin(): void {
    Atomics.add(this.#count, 0, 1);
  }

  end(): void {
    Atomics.add(this.#count, 0, 1);
    Atomics.notify(this.#count, 0);
  }

  /** Who read has died: what it was reading has ended with its connection. */
  abandon(): void {
    if ((Atomics.load(this.#count, 0) & 1) === 1) this.end();
  }

  /** Until the read that is going on now has ended, `mostMs` at most. */
  waitForPresent(mostMs: number): void {
    const present = Atomics.load(this.#count, 0);
    if ((present & 1) === 1) Atomics.wait(this.#count, 0, present, mostMs);
  }
}
