/** Work that shares a name goes in the order it came, one after the other. */
export class Turns {
  readonly #lastByName = new Map<string, Promise<unknown>>();

  /** Runs `work` when all that came before under one of the names has ended, however it ended. */
  async run<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = names.flatMap((name) => this.#lastByName.get(name) ?? []);
    const running = before.length === 0 ? work() : Promise.allSettled(before).then(work);
    const forget = (): void => {
      for (const name of names) if (this.#lastByName.get(name) === running) this.#lastByName.delete(name);
    };
    for (const name of names) this.#lastByName.set(name, running);
    running.then(forget, forget);
    return running;
  }
}
