/**
 * A node that cannot reach the store while another one can: its peers are better served there, so it acts as one that shuts down until
 * the store is back. While no node is ready, everybody stays where they are: heartbeats and what is in memory need no store.
 */
import { once } from 'node:events';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, withDeadline } from '../../common/runtime/deadline.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import type { Address } from '../carrier.js';

/** A database that is started anew, or switched to its standby, is back sooner, ms: nobody has to move for that. */
const PATIENCE_MS = 3_000;
/** Another node says within this whether it is ready, ms. */
const ANSWER_MS = 2_500;

export interface CutOffPlace {
  readonly clock: Clock;
  /** That all nodes have: 64 hex digits. */
  readonly pin: string;
  /** Told after every try to reach the store: a node that cannot is not ready, so that of several none sends its peers to another. */
  onRound(hasWorked: boolean): void;
  /** Told whenever it begins, or ends, that peers should be elsewhere. */
  onCutOff(isCutOff: boolean): void;
}

export class CutOff {
  #isCutOff = false;
  #reachedAt: number;
  #askedAt = -Infinity;

  constructor(private readonly place: CutOffPlace) {
    this.#reachedAt = place.clock.monotonic();
  }

  /** The store was reached just now. */
  reached(): void {
    this.#reachedAt = this.place.clock.monotonic();
    this.place.onRound(true);
    this.#set(false);
  }

  /** The store was not reached. `others` are asked whether they can. */
  async missed(others: readonly Address[], { signal }: AbortOptions): Promise<void> {
    const { clock, pin, onRound } = this.place;
    onRound(false);
    const now = clock.monotonic();
    if (now - Math.max(this.#reachedAt, this.#askedAt) < PATIENCE_MS) return;
    this.#askedAt = now;
    using deadline = withDeadline(signal, ANSWER_MS, clock);
    const enough = new AbortController();
    const either = AbortSignal.any([deadline.signal, enough.signal]);
    const asked = others.map(async (node) => {
      if (!(await isReady(node, { pin, signal: either }))) throw new Error('it is not ready');
    });
    const isAnyReady = await Promise.any(asked).then(
      () => true,
      () => false,
    );
    enough.abort(); // one ready node is enough: those that have not answered need not be waited for
    if (!signal.aborted) this.#set(isAnyReady);
  }

  #set(isCutOff: boolean): void {
    if (isCutOff === this.#isCutOff) return;
    this.#isCutOff = isCutOff;
    this.place.onCutOff(isCutOff);
  }
}

/** By its `/readyz`, at the port that peers use. */
async function isReady(
  { host, port }: Address,
  { pin, signal }: { readonly pin: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const { socket } = await connectPinned({ host, port, pin, alpn: 'http/1.1', timeoutMs: ANSWER_MS, signal });
  try {
    socket.write('GET /readyz HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n');
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer];
    return answer.toString('latin1').startsWith('HTTP/1.1 200 ');
  } finally {
    socket.destroy();
  }
}
