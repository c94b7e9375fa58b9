/** Something that was started and must be stopped. `stop()` may be called twice. */
export interface Part {
  stop(): Promise<void> | void;
}

/**
 * The parts of a program in the order they were started; `stop()` ends them in reverse order.
 * A part that fails to stop does not keep the others running.
 */
export class Lifecycle implements Part, AsyncDisposable {
  readonly #parts: Part[] = [];
  #stopping: Promise<void> | undefined;

  /** Takes over the duty to stop `part` and returns it. After `stop()` has begun it throws; the part is then the caller's. */
  add<P extends Part>(part: P): P {
    if (this.#stopping !== undefined) throw new Error('cannot start another part: the program is stopping');
    this.#parts.push(part);
    return part;
  }

  /** As `add`, for something that ends by a call. */
  defer(stop: () => Promise<void> | void): void {
    this.add({ stop });
  }

  /** True from the first `stop()` on. */
  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /**
   * Stops everything, last part first, each after the one before it has ended. Later calls share the first one's promise.
   * @throws {AggregateError} after the last part, when some of them failed.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stopAll(): Promise<void> {
    const errors: unknown[] = [];
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      try {
        await part.stop();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'some parts did not stop cleanly');
  }
}
