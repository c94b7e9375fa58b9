/** Lines that come by themselves while a downloader waits: its place in the queue, and chunks that have arrived here. */
import { MAX_RANGES } from '../../common/protocol/limits.js';
import type { PeerAnswer } from '../../common/protocol/peer-messages.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Place } from '../file-port/fair-queue.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import type { Range, SharedFile } from './shared-file.js';

/** A place in the queue is said again after this, ms, so that waiting does not look like a stall (15 s). */
const REPEAT_EVERY_MS = 5_000;
/** `have` is sent at most once in this time, ms: short, since others can fetch only what they know of. */
const HAVE_EVERY_MS = 100;

export interface PositionNotice extends Disposable {
  readonly tell: (place: () => Place) => void;
  /** The place was had; nothing is said until the next `tell`. */
  readonly pause: () => void;
}

/** Tells a requester its place, and again from time to time. */
export function repeatPosition(
  connection: PeerConnection,
  { id, clock }: { id: number; clock: Clock },
): PositionNotice {
  let timer: Timer | undefined;
  const pause = (): void => {
    timer?.cancel();
    timer = undefined;
  };
  const tell = (place: () => Place): void => {
    pause();
    const { position, etaMs } = place();
    connection.send({ type: 'queued', id, position, ...(etaMs === undefined ? {} : { etaMs }) });
    timer = clock.setTimer(() => tell(place), REPEAT_EVERY_MS);
    timer.unref();
  };
  return { tell, pause, [Symbol.dispose]: pause };
}

/** Tells a downloader of chunks and files of a folder that arrive in what is itself still being fetched: each once. Returns the undo. */
export function announceHave(
  connection: PeerConnection,
  { ticketId, shared, clock }: { ticketId: string; shared: SharedFile; clock: Clock },
): () => void {
  const ends = [
    announce(connection, {
      subscribe: (fn) => shared.onHave?.(fn),
      lineFor: (have) => ({ type: 'have', ticketId, have }),
      clock,
    }),
    announce(connection, {
      subscribe: (fn) => shared.folder?.onEntry?.(fn),
      lineFor: (entries) => ({ type: 'have', ticketId, have: [], entries }),
      clock,
    }),
    announce(connection, {
      subscribe: (fn) => shared.folder?.onChunk?.(fn),
      lineFor: (have, file) => ({ type: 'have', ticketId, file, have }),
      clock,
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

interface News {
  readonly subscribe: (fn: (index: number, file?: string) => void) => (() => void) | undefined;
  readonly lineFor: (ranges: Range[], file: string) => PeerAnswer;
  readonly clock: Clock;
}

function announce(connection: PeerConnection, { subscribe, lineFor, clock }: News): () => void {
  /** By file, where it is one inside a folder. */
  const untold = new Map<string, Set<number>>();
  let timer: Timer | undefined;
  const plan = (): void => {
    timer = clock.setTimer(tell, HAVE_EVERY_MS);
    timer.unref();
  };
  const tell = (): void => {
    timer = undefined;
    for (const [file, indices] of untold) {
      if (connection.hasUnreadLines) break; // A slow reader gets them when it has taken those before.
      connection.send(lineFor(takeRanges(indices), file));
      if (indices.size === 0) untold.delete(file);
    }
    if (untold.size > 0) plan();
  };
  const stop = subscribe((index, file = '') => {
    const indices = untold.get(file) ?? new Set();
    untold.set(file, indices.add(index));
    if (timer === undefined) plan();
  });
  return () => {
    stop?.();
    timer?.cancel();
  };
}

/** Takes out as many as one line may name, as ranges. */
function takeRanges(indices: Set<number>): Range[] {
  const ranges: Range[] = [];
  for (const index of [...indices].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.[1] === index) last[1] = index + 1;
    else if (ranges.length < MAX_RANGES) ranges.push([index, index + 1]);
    else break;
    indices.delete(index);
  }
  return ranges;
}
