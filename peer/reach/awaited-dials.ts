import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { PeerConnection } from '../file-port/peer-connection.js';

/** Whom we wait for at our file port. Attacker: who dials us unasked to be taken for a source; he has no token of ours, or another key. */
export class AwaitedDials {
  readonly #waiting = new Map<string, { readonly pin: string; take(connection: PeerConnection): void }>();

  /** The connection that device `pin` makes with `token`; the caller closes it. @throws `signal.reason`: it did not come. */
  async expect({ token, pin }: { token: string; pin: string }, { signal }: AbortOptions): Promise<PeerConnection> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<PeerConnection>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.set(token, { pin, take: resolve });
    try {
      return await promise;
    } finally {
      this.#waiting.delete(token);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Somebody has dialled and shows `token`: it is good once, and for one device. */
  take(connection: PeerConnection, token: string): void {
    const waiting = this.#waiting.get(token);
    if (waiting?.pin !== connection.pin) {
      connection.close();
      return;
    }
    this.#waiting.delete(token);
    waiting.take(connection);
  }
}
