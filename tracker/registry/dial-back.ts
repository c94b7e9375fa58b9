/**
 * Proves that a peer's file port is where its session comes from: a TLS handshake that shows the device's pin. Attacker: a user who
 * names another's address as his own; only the observed address is dialled, each port of it once a minute and at most
 * `MAX_PORTS_PER_INTERVAL` of them, so a victim behind the same address gets a handful of handshakes a minute.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import { once } from 'node:events';
import type { Clock } from '../../common/runtime/clock.js';
import { withDeadline } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Log } from '../../common/runtime/log.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import { plainHost } from './addresses.js';
import type { Session } from './session.js';

const DIAL_TIMEOUT_MS = 3_000;
const DIAL_INTERVAL_MS = 60_000;
/** A peer that is restarted takes another free port, and must not be unreachable for the rest of the minute. */
const MAX_PORTS_PER_INTERVAL = 10;
/** A restarted tracker gets all its peers back at once. */
const MAX_CONCURRENT_DIALS = 64;
const ALPN = 'shoal-peer/1';

export class DialBack implements Part {
  readonly #stop = new AbortController();
  /** When each place of a session was dialled within the last interval. */
  readonly #dialledAt = new WeakMap<Session, Map<string, number>>();
  readonly #running = new Map<Session, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;
  #onProven: (session: Session) => void = () => undefined;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly lookup: (
      host: string,
      options: { readonly all: true },
    ) => Promise<{ address: string }[]> = systemLookup,
  ) {}

  /** Told of each session whose port is proven. */
  onProven(listener: (session: Session) => void): void {
    this.#onProven = listener;
  }

  /** Dials unless the port is proven already or was dialled within the last minute, or too many others were. */
  check(session: Session): void {
    const { filePort } = session;
    if (session.node !== undefined) return; // its own node dials
    if (filePort === undefined || session.reach.isProven || this.#running.has(session) || this.#stop.signal.aborted)
      return;
    if (!this.#mayDial(session, `${session.observed.host} ${filePort}`)) return;
    const dial = this.#dial(session, filePort).finally(() => this.#running.delete(session));
    this.#running.set(session, dial);
  }

  /** The peer has another address or port now: what was proven says nothing about it. */
  forget(session: Session): void {
    session.reach.isProven = false;
    session.reach.advertised = undefined;
  }

  /** When the dial that is under way, if any, has ended. */
  async settled(session: Session): Promise<void> {
    await this.#running.get(session);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const go of this.#waiting.splice(0)) go();
    await Promise.all(this.#running.values());
  }

  #mayDial(session: Session, place: string): boolean {
    const now = this.clock.monotonic();
    const recent = [...(this.#dialledAt.get(session) ?? [])].filter(([, at]) => now - at < DIAL_INTERVAL_MS);
    const dialledAt = new Map(recent);
    this.#dialledAt.set(session, dialledAt);
    if (dialledAt.has(place) || dialledAt.size >= MAX_PORTS_PER_INTERVAL) return false;
    dialledAt.set(place, now);
    return true;
  }

  async #dial(session: Session, port: number): Promise<void> {
    await this.#slot();
    const { observed, device: pin, advertise } = session;
    try {
      const { socket } = await connectPinned({
        host: observed.host,
        port,
        pin,
        alpn: ALPN,
        timeoutMs: DIAL_TIMEOUT_MS,
        signal: this.#stop.signal,
      });
      socket.on('error', () => undefined); // proven; how the other side ends it does not matter
      socket.destroySoon();
      if (session.observed.host !== observed.host || session.filePort !== port) return;
      session.reach.isProven = true;
      if (advertise !== undefined && (await this.#leadsTo(advertise, observed.host)))
        session.reach.advertised = advertise;
      this.#onProven(session);
    } catch (error) {
      this.log.write('debug', 'the file port could not be reached', {
        user: session.user,
        host: observed.host,
        port,
        error,
      });
    } finally {
      this.#active -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #slot(): Promise<void> {
    if (this.#active >= MAX_CONCURRENT_DIALS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#active += 1;
  }

  /** Attacker: who advertises a name whose servers never answer; the system gives up after half a minute, and this place is wanted. */
  async #leadsTo(host: string, observed: string): Promise<boolean> {
    using deadline = withDeadline(this.#stop.signal, DIAL_TIMEOUT_MS, this.clock);
    if (deadline.signal.aborted) return false;
    const late = once(deadline.signal, 'abort').then(() => []);
    const addresses = await Promise.race([this.lookup(host, { all: true }), late]);
    return addresses.some(({ address }) => plainHost(address) === observed);
  }
}
