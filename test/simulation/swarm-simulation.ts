// A whole swarm in a virtual network with a virtual clock. What decides is the code of real peers (scheduler, choice of chunks, window,
// upload line); what is simulated is links, the tracker's list, and time.
import { createHash } from 'node:crypto';

import { SWARM_BRINGERS } from '../../common/protocol/limits.js';
import { turnFor } from '../../peer/download/fellows.js';
import { integerBetween, type Random, randomFrom } from '../support/seed.js';
import { EventQueue } from './event-queue.js';
import { VirtualPeer } from './virtual-peer.js';

/** When a download asks the tracker for sources, ms from its start; then every 10 s. As `source-pool.ts`. */
const LOOKS_MS = [0, 250, 750, 1_750, 3_750, 7_750, 15_750];
const LOOK_EVERY_MS = 10_000;
/** As many as a download asks the tracker for. */
const MOST_LISTED = 64;

export interface SwarmOptions {
  readonly downloaders: number;
  readonly chunks: number;
  readonly chunkBytes: number;
  /** Of every link, both ways. */
  readonly bytesPerSecond: number;
  readonly latencyMs?: number;
  /** What an uplink sends before it is another connection's turn. Default: an eighth of a chunk. */
  readonly blockBytes?: number;
  readonly seed: number;
}

export interface SwarmOutcome {
  /** Of each downloader, by the time in which the publisher's link carries the file once; Infinity: never. */
  readonly timesIdeal: readonly number[];
  /** Bytes that the publisher sent, by the size of the file. */
  readonly copies: number;
  /** Share of what was received that came twice. */
  readonly duplicates: number;
}

export function simulateSwarm(options: SwarmOptions): SwarmOutcome {
  const { downloaders, chunks, chunkBytes, bytesPerSecond } = options;
  const events = new EventQueue();
  const random = randomFrom(options.seed);
  const idealMs = (chunks * chunkBytes * 1_000) / bytesPerSecond;
  let left = downloaders;
  const newPeer = (name: string, isPublisher: boolean): VirtualPeer =>
    new VirtualPeer({
      events,
      pin: createHash('sha256').update(`${options.seed} ${name}`).digest('hex'),
      file: { chunks, chunkBytes },
      upBytesPerMs: bytesPerSecond / 1_000,
      downBytesPerMs: bytesPerSecond / 1_000,
      blockBytes: options.blockBytes ?? chunkBytes / 8,
      latencyMs: options.latencyMs ?? 10,
      startAt: integerBetween(random, 0, chunks - 1),
      isPublisher,
      onFinished: () => {
        left -= 1;
      },
    });
  const publisher = newPeer('publisher', true);
  const peers = Array.from({ length: downloaders }, (_, n) => newPeer(`reader ${n}`, false));
  const tracker = new VirtualTracker(publisher);
  for (const peer of peers) startLooking(peer, { tracker, events, random });
  events.run(() => left === 0, 100 * idealMs);
  const received = downloaders * chunks * chunkBytes;
  const duplicates = peers.reduce((sum, { duplicateBytes }) => sum + duplicateBytes, 0);
  return {
    timesIdeal: peers.map(({ finishedAt = Infinity }) => finishedAt / idealMs),
    copies: publisher.uplink.sentBytes / (chunks * chunkBytes),
    duplicates: duplicates / received,
  };
}

function startLooking(
  peer: VirtualPeer,
  { tracker, events, random }: { tracker: VirtualTracker; events: EventQueue; random: Random },
): void {
  const startMs = random() * 100; // nobody presses Enter at the same millisecond
  const look = (number: number): void => {
    if (peer.isFinished) return;
    const at = LOOKS_MS[number] ?? (LOOKS_MS.at(-1) ?? 0) + (number - LOOKS_MS.length + 1) * LOOK_EVERY_MS;
    events.at(startMs + at, () => {
      peer.meet(tracker.list(peer));
      look(number + 1);
    });
  };
  look(0);
}

/** Lists whoever holds something, to each in an order of its own; the publisher and those that bring to everybody. */
class VirtualTracker {
  readonly #holders: VirtualPeer[] = [];

  constructor(private readonly publisher: VirtualPeer) {}

  list(asker: VirtualPeer): VirtualPeer[] {
    const found = this.#holders.filter((peer) => peer !== asker && !peer.isFinished);
    const first = found.toSorted((a, b) => (a.pin < b.pin ? -1 : 1)).slice(0, SWARM_BRINGERS);
    const rest = found.filter((peer) => !first.includes(peer)).map((peer) => ({ peer, turn: turnOf(peer, asker) }));
    rest.sort((a, b) => a.turn - b.turn);
    const listed = [this.publisher, ...first, ...rest.map(({ peer }) => peer)].slice(0, MOST_LISTED);
    if (!this.#holders.includes(asker)) this.#holders.push(asker);
    return listed;
  }
}

/** In another order for each asker, as the tracker does it. */
function turnOf(peer: VirtualPeer, asker: VirtualPeer): number {
  return turnFor(asker.pin, peer.pin);
}
