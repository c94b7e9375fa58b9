/**
 * How a download gets to a source: it dials; when that leads nowhere, the source is asked to dial back; when that does not either, both
 * meet at the tracker. Chosen by itself, for each connection; see docs/protocol.md "reach".
 */
import { randomBytes } from 'node:crypto';
import { toBase64url } from '../../common/protocol/base64url.js';
import type { ReachWay, RelayHello } from '../../common/protocol/reach-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, withDeadline } from '../../common/runtime/deadline.js';
import type { Identity } from '../../common/wire/identity.js';
import { PeerError } from '../api.js';
import type { Connected, Connector, Via, WantedSource } from '../download/connector.js';
import { type Dial, raceAddresses } from '../download/race-addresses.js';
import { SourceFault } from '../download/source-fault.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import type { AwaitedDials } from './awaited-dials.js';
import { wayProblem, whatToDo } from './problems.js';
import type { RelayPlace } from './relay-line.js';
import { connectRelayed } from './relayed.js';
import { WayMemory } from './way-memory.js';

/** The source hears of it, and dials, within this, ms, if it can. */
const BACK_WAIT_MS = 3_000;
/** Both are at the relay, and know each other, within this, ms. */
const RELAY_WAIT_MS = 6_000;
const TOKEN_BYTES = 16;

export interface ReachOptions {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly dial: Dial;
  readonly tracker: Pick<TrackerClient, 'request'>;
  /** That of the node where our session is. */
  readonly relay: () => RelayPlace;
  /** What shows the relay that we are us. */
  readonly relayHello: (token: string) => Omit<RelayHello, 'v'>;
  readonly awaited: AwaitedDials;
  /** False: we have no file port that anybody could dial. */
  readonly isListening: () => boolean;
}

type Way = readonly [via: Via, connect: (source: WantedSource, options: AbortOptions) => Promise<PeerConnection>];

export class Reach implements Connector {
  readonly needsNoAddress = true;
  readonly #options: ReachOptions;
  readonly #memory: WayMemory;
  /** The best first. */
  readonly #ways: readonly Way[] = [
    ['direct', (source, abort) => this.#direct(source, abort)],
    ['dialled back', (source, abort) => this.#back(source, abort)],
    ['relayed', (source, abort) => this.#relayed(source, abort)],
  ];

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#memory = new WayMemory(options.clock);
  }

  async connect(source: WantedSource, { signal }: AbortOptions): Promise<Connected> {
    const known = this.#memory.find(source.device);
    const failures: { via: Via; error: unknown }[] = [];
    for (const [via, connect] of this.#waysTo(source, known?.via)) {
      try {
        const connection = await connect(source, { signal });
        this.#memory.note(source.device, via);
        return { connection, via };
      } catch (error) {
        signal.throwIfAborted();
        failures.push({ via, error });
        // Nobody listens where the tracker found it: it has left or is being started anew, and the tracker will say where it is.
        if (via === 'direct' && known === undefined && isRefused(error)) break;
      }
    }
    // Nothing worked: the next time everything is tried, the other ways too.
    this.#memory.note(source.device, undefined);
    throw faultOf(failures);
  }

  #waysTo({ addresses }: WantedSource, known: Via | undefined): readonly Way[] {
    const first = this.#ways.findIndex(([via]) => via === known);
    return this.#ways.filter(
      ([via], index) =>
        index >= first &&
        (via !== 'direct' || addresses.length > 0) &&
        (via !== 'dialled back' || this.#options.isListening()),
    );
  }

  #direct({ addresses, device: pin }: WantedSource, { signal }: AbortOptions): Promise<PeerConnection> {
    const { dial, clock } = this.#options;
    return raceAddresses(addresses, { pin, dial, clock, signal });
  }

  async #back(source: WantedSource, { signal }: AbortOptions): Promise<PeerConnection> {
    const token = newToken();
    const stopped = new AbortController();
    using deadline = withDeadline(AbortSignal.any([signal, stopped.signal]), BACK_WAIT_MS, this.#options.clock);
    const dialled = this.#options.awaited.expect({ token, pin: source.device }, deadline);
    try {
      await Promise.race([this.#ask('back', source, token, deadline), dialled]);
      const connection = await dialled;
      connection.setProven(source.user);
      return connection;
    } catch (error) {
      stopped.abort(error);
      dialled.then((late) => late.close()).catch(() => undefined); // it was only waited for
      throw error;
    }
  }

  async #relayed(source: WantedSource, { signal }: AbortOptions): Promise<PeerConnection> {
    const { identity, clock, relay, relayHello } = this.#options;
    const token = newToken();
    using deadline = withDeadline(signal, RELAY_WAIT_MS, clock);
    await this.#ask('relay', source, token, deadline);
    const hello = relayHello(token);
    return await connectRelayed({ place: relay(), hello, pin: source.device, identity, clock }, deadline);
  }

  async #ask(by: ReachWay, source: WantedSource, token: string, { signal }: AbortOptions): Promise<void> {
    const { publicationId, device } = source;
    await this.#options.tracker.request('reach', { publicationId, device, by, token }, { signal });
  }
}

function faultOf(failures: readonly { readonly via: Via; readonly error: unknown }[]): SourceFault {
  const [only] = failures;
  if (failures.length === 1 && only?.error instanceof SourceFault) return only.error;
  const last = failures.at(-1)?.error;
  const retryAfterMs = last instanceof PeerError ? last.problem.retryAfterMs : undefined;
  const problems = new Set(failures.map(({ via, error }) => wayProblem(via, error)));
  const text = `cannot be reached: ${[...problems].join(', ')} (${whatToDo(last)})`;
  return new SourceFault('unreachable', text, { cause: last, retryAfterMs });
}

/** Silence, or no route, says that something is between the two; a refusal comes from the source's own machine. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

function newToken(): string {
  return toBase64url(randomBytes(TOKEN_BYTES));
}
