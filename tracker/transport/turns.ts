export interface TurnsOptions {
  readonly atOnce: number;
  /** Most that may wait; the caller asks `isFull` and refuses more. */
  readonly waiting: number;
}

/** Lets only so many pieces of work run at once; the others wait in the order they came. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(private readonly options: TurnsOptions) {}

  get isFull(): boolean {
    return this.#waiting.length >= this.options.waiting;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.options.atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next(); // it takes over this one's place
    }
  }
}
