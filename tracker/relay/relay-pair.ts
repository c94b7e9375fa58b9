/**
 * Two connections, spliced: what one end sends goes to the other, in both directions, as fast as the slower one takes it. What it is the
 * tracker cannot tell: the peers speak TLS inside.
 */
import type { TLSSocket } from 'node:tls';
import { RELAY_FIRST_BYTES_MS, TCP_IDLE_MS } from '../../common/protocol/limits.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';

export interface RelayPairOptions {
  readonly ends: readonly [TLSSocket, TLSSocket];
  readonly clock: Clock;
  /** False: the pair has to end, as its share is used up or one of the two may not be here any more. */
  readonly mayPass: (bytes: number) => boolean;
  readonly onClose: () => void;
}

export class RelayPair {
  readonly #options: RelayPairOptions;
  readonly #spoke = new Set<TLSSocket>();
  #timer: Timer | undefined;
  #lastTrafficAt: number;
  #isClosed = false;

  constructor(options: RelayPairOptions) {
    this.#options = options;
    const [a, b] = options.ends;
    this.#lastTrafficAt = options.clock.monotonic();
    this.#splice(a, b);
    this.#splice(b, a);
    this.#watch(RELAY_FIRST_BYTES_MS);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const end of this.#options.ends) end.destroy();
    this.#options.onClose();
  }

  /** At most what one read brought, and what the other's socket holds, is in memory: reading stops until that has left. */
  #splice(from: TLSSocket, to: TLSSocket): void {
    from.on('data', (bytes: Buffer) => {
      if (this.#isClosed) return;
      this.#spoke.add(from);
      this.#lastTrafficAt = this.#options.clock.monotonic();
      if (!this.#options.mayPass(bytes.length)) this.close();
      else if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('close', () => this.#endAfter(from, to));
    from.resume();
  }

  /** What one end sent last still reaches the other when it left in order. */
  #endAfter(gone: TLSSocket, other: TLSSocket): void {
    if (this.#isClosed) return;
    if (other.destroyed || !gone.readableEnded) this.close();
    else other.destroySoon();
  }

  /** Attacker: who pairs and says nothing, to hold the other's place and ours. */
  #watch(ms: number): void {
    this.#timer = this.#options.clock.setTimer(() => {
      const quietMs = this.#options.clock.monotonic() - this.#lastTrafficAt;
      if (this.#spoke.size < 2 || quietMs >= TCP_IDLE_MS) this.close();
      else this.#watch(TCP_IDLE_MS - quietMs);
    }, ms);
    this.#timer.unref();
  }
}
