// Links of a simulated network: an uplink sends one block after the other, in turn between those it serves; a downlink takes one after
// the other; between them a latency. Fair queueing at both ends, without losses.
import { type Turn, TurnLine } from '../../peer/file-port/turn-line.js';
import { MAX_ACTIVE_PER_USER, MAX_ACTIVE_UPLOADS } from '../../peer/upload/upload-slots.js';
import type { EventQueue } from './event-queue.js';

export interface LinkRates {
  readonly upBytesPerMs: number;
  readonly downBytesPerMs: number;
}

export interface Request {
  readonly index: number;
  left: number;
  /** What of it has left and not arrived. */
  underWay: number;
  isCancelled: boolean;
}

/** Blocks of one connection on their way at once: as a TCP window on a short path. */
const MOST_UNDER_WAY_BLOCKS = 4;

export class Downlink {
  #freeAt = 0;

  constructor(
    private readonly events: EventQueue,
    private readonly bytesPerMs: number,
  ) {}

  take(bytes: number, arrived: () => void): void {
    this.#freeAt = Math.max(this.#freeAt, this.events.monotonic()) + bytes / this.bytesPerMs;
    this.events.at(this.#freeAt, arrived);
  }
}

/** One connection as the uploader sees it: its requests in order, one turn a request. */
export class Flow implements Turn {
  readonly requests: Request[] = [];
  readonly turn = this;
  blocksUnderWay = 0;
  isServed = false;

  constructor(
    readonly owner: string,
    readonly to: Downlink,
    readonly onBlock: (request: Request, bytes: number) => void,
  ) {}

  leftBytes(): number {
    return this.requests[0]?.left ?? 0;
  }

  bytesPerSecond(): number {
    return 0;
  }

  get hasWork(): boolean {
    return this.requests.length > 0;
  }
}

export interface UplinkOptions {
  readonly events: EventQueue;
  readonly bytesPerMs: number;
  readonly blockBytes: number;
  readonly latencyMs: number;
}

/** Gives places by the same line as the uploads of a real peer. */
export class Uplink {
  readonly #options: UplinkOptions;
  readonly #line = new TurnLine<Flow>(MAX_ACTIVE_PER_USER);
  readonly #served: Flow[] = [];
  #isSending = false;
  sentBytes = 0;

  constructor(options: UplinkOptions) {
    this.#options = options;
  }

  ask(flow: Flow, request: Request): void {
    flow.requests.push(request);
    if (flow.requests.length === 1) this.#line.add(flow);
    this.#send();
  }

  /** What has not left of it never will. */
  cancel(flow: Flow, request: Request): void {
    request.isCancelled = true;
    const place = flow.requests.indexOf(request);
    if (place < 0) return;
    flow.requests.splice(place, 1);
    if (place === 0) this.#endTurn(flow);
  }

  close(flow: Flow): void {
    flow.requests.length = 0;
    this.#endTurn(flow);
  }

  #endTurn(flow: Flow): void {
    this.#line.remove(flow);
    if (flow.isServed) {
      flow.isServed = false;
      this.#served.splice(this.#served.indexOf(flow), 1);
      this.#line.end(flow);
    }
    if (flow.hasWork) this.#line.add(flow);
    this.#send();
  }

  #fill(): void {
    while (this.#served.length < MAX_ACTIVE_UPLOADS) {
      const flow = this.#line.start();
      if (flow === undefined) return;
      flow.isServed = true;
      this.#served.push(flow);
    }
  }

  #send(): void {
    if (this.#isSending) return;
    this.#fill();
    const turn = this.#served.findIndex(({ blocksUnderWay }) => blocksUnderWay < MOST_UNDER_WAY_BLOCKS);
    const flow = this.#served[turn];
    const request = flow?.requests[0];
    if (flow === undefined || request === undefined) return;
    this.#served.push(...this.#served.splice(turn, 1)); // behind all others
    const { events, bytesPerMs, blockBytes } = this.#options;
    const bytes = Math.min(blockBytes, request.left);
    this.#isSending = true;
    flow.blocksUnderWay += 1;
    request.left -= bytes;
    this.sentBytes += bytes;
    events.after(bytes / bytesPerMs, () => {
      this.#isSending = false;
      this.#deliver(flow, request, bytes);
      if (request.left === 0 && flow.requests[0] === request) {
        flow.requests.shift();
        this.#endTurn(flow);
      }
      this.#send();
    });
  }

  #deliver(flow: Flow, request: Request, bytes: number): void {
    this.#options.events.after(this.#options.latencyMs, () =>
      flow.to.take(bytes, () => {
        flow.blocksUnderWay -= 1;
        flow.onBlock(request, bytes);
        this.#send();
      }),
    );
  }
}
