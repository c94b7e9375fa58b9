/** How this peer is reached by others and reaches them: the parts of `reach/`, joined. */
import type { Clock } from '../common/runtime/clock.js';
import type { Part } from '../common/runtime/lifecycle.js';
import type { Identity } from '../common/wire/identity.js';
import { parsePin } from '../common/wire/identity.js';
import { type DialerOptions, dialer } from './dialer.js';
import { FIRST_LINE_DEADLINE_MS } from './file-port/file-port.js';
import type { FileServer } from './file-server.js';
import { AwaitedDials } from './reach/awaited-dials.js';
import { Reach } from './reach/reach.js';
import { ReachAnswers, type ReachEvent } from './reach/reach-answers.js';
import type { RelayPlace } from './reach/relay-line.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

export interface PeerReachOptions {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly tracker: TrackerClient;
  /** As in addresses. */
  readonly trackerPin: string;
  readonly observedHost: () => string;
  /** Undefined while this peer serves nobody. */
  readonly fileServer: () => FileServer | undefined;
}

export class PeerReach implements Part {
  /** Those who were asked to dial us. */
  readonly awaited = new AwaitedDials();
  /** To sources. */
  readonly connector: Reach;
  readonly #answers: ReachAnswers;

  constructor({ identity, clock, tracker, trackerPin, observedHost, fileServer }: PeerReachOptions) {
    const pin = parsePin(trackerPin);
    const relay = (): RelayPlace => ({ ...tracker.node, pin });
    const dials: DialerOptions = { identity, clock, observedHost };
    const common = { identity, clock, relay, relayHello: (token: string) => tracker.relayHello(token) };
    this.connector = new Reach({
      ...common,
      dial: dialer(dials),
      tracker,
      awaited: this.awaited,
      isListening: () => fileServer() !== undefined,
    });
    this.#answers = new ReachAnswers({
      ...common,
      dial: dialer({ ...dials, firstLineDeadlineMs: FIRST_LINE_DEADLINE_MS }),
      observedHost,
      serve: (connection) => fileServer()?.serve(connection),
    });
  }

  /** Somebody who may fetch from us cannot dial us. */
  told(event: ReachEvent): void {
    this.#answers.told(event);
  }

  stop(): Promise<void> {
    return this.#answers.stop();
  }
}
