import type { AbortOptions } from '../../../common/runtime/deadline.js';
import type { SourceSession } from '../source-session.js';

/** What sessions fetch into. */
interface Joinable {
  join(session: SourceSession): void;
  /** It has more files of the folder. */
  entriesCame?(session: SourceSession): void;
}

/** Sessions of one download whose ticket was accepted. Whatever they are to fetch into, they all join, also those that come later. */
export class OpenSessions implements Iterable<SourceSession> {
  readonly #sessions = new Set<SourceSession>();
  #into: Joinable | undefined;
  #arrival = Promise.withResolvers<void>();
  #turn = 0;

  [Symbol.iterator](): Iterator<SourceSession> {
    return this.#sessions.values();
  }

  add(session: SourceSession): void {
    this.#sessions.add(session);
    session.onEntries = () => {
      this.#into?.entriesCame?.(session);
      this.#wake();
    };
    void session.ended.then(() => this.#sessions.delete(session));
    this.#into?.join(session);
    this.#wake();
  }

  #wake(): void {
    const { resolve } = this.#arrival;
    this.#arrival = Promise.withResolvers();
    resolve();
  }

  use(into: Joinable | undefined): void {
    this.#into = into;
    for (const session of [...this.#sessions]) into?.join(session);
  }

  /** One of them that is fit, another each time; waits until there is one. */
  async any({ signal }: AbortOptions, isFit: (session: SourceSession) => boolean = () => true): Promise<SourceSession> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const all = [...this.#sessions].filter(isFit);
        this.#turn += 1;
        const session = all[this.#turn % Math.max(1, all.length)];
        if (session !== undefined) return session;
        await Promise.race([this.#arrival.promise, aborted.promise]);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}
