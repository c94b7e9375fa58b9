/** Tells listeners that something changed, once for everything that happens in one go. */
export class Changes {
  readonly #listeners = new Set<() => void>();
  #depth = 0;
  #isPending = false;

  /** Returns the undo. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(): void {
    if (this.#depth > 0) {
      this.#isPending = true;
      return;
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** Runs `work`; what it changes is told once, at its end. */
  batch(work: () => void): void {
    this.#depth += 1;
    try {
      work();
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0 && this.#isPending) {
        this.#isPending = false;
        this.emit();
      }
    }
  }
}
