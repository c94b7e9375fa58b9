import type { Clock, Timer } from '../../common/runtime/clock.js';

/**
 * At most ten frames a second, also where a timer comes early: a person sees no more, and laying the screen out takes time that a
 * pasted megabyte, which comes in hundreds of pieces, would multiply.
 */
const PAUSE_MS = 105;

/** Tells listeners that something changed: at once after a rest, else at the end of the pause. */
export class Changes {
  readonly #listeners = new Set<() => void>();
  #pause: Timer | undefined;
  #isPending = false;

  constructor(private readonly clock: Clock) {}

  /** Returns the undo. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(): void {
    if (this.#pause !== undefined) {
      this.#isPending = true;
      return;
    }
    this.#isPending = false;
    this.#pause = this.clock.setTimer(() => {
      this.#pause = undefined;
      if (this.#isPending) this.emit();
    }, PAUSE_MS);
    this.#pause.unref();
    for (const listener of [...this.#listeners]) listener();
  }
}
