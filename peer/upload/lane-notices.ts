/** Lines that come by themselves while a downloader waits: its place in the queue, and chunks that have arrived here. */
import { MAX_RANGES } from '../../common/protocol/limits.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Place } from '../file-port/fair-queue.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import type { Range, SharedFile } from './shared-file.js';

/** A place in the queue is said again after this, ms, so that waiting does not look like a stall (15 s). */
const REPEAT_EVERY_MS = 5_000;
/** `have` is sent at most once in this time, ms: short, since others can fetch only what they know of. */
const HAVE_EVERY_MS = 100;
/** Of growing files at once, and ranges of each: their lines stay far below what a reader may leave unread. */
const MOST_FILES = 128;
const MOST_INSIDE_RANGES = 32;

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
  const chunks = new Set<number>();
  const entries = new Set<number>();
  /** By file inside the folder that is not whole. */
  const inside = new Map<string, Set<number>>();
  let timer: Timer | undefined;
  const plan = (): void => {
    timer ??= clock.setTimer(tell, HAVE_EVERY_MS);
    timer.unref();
  };
  const tell = (): void => {
    timer = undefined;
    // A slow reader gets them when it has taken those before.
    if (!connection.hasUnreadLines) {
      if (chunks.size > 0) connection.send({ type: 'have', ticketId, have: takeRanges(chunks) });
      if (entries.size > 0) connection.send({ type: 'have', ticketId, have: [], entries: takeRanges(entries) });
      for (const [file, indices] of inside.entries().take(MOST_FILES)) {
        connection.send({ type: 'have', ticketId, file, have: takeRanges(indices, MOST_INSIDE_RANGES) });
        if (indices.size === 0) inside.delete(file);
      }
    }
    if (chunks.size + entries.size + inside.size > 0) plan();
  };
  const stops = [
    shared.onHave?.((index) => {
      chunks.add(index);
      plan();
    }),
    shared.folder?.onEntry?.((index, fileId) => {
      inside.delete(fileId);
      entries.add(index);
      plan();
    }),
    shared.folder?.onChunk?.((index, fileId) => {
      inside.set(fileId, (inside.get(fileId) ?? new Set()).add(index));
      plan();
    }),
  ];
  return () => {
    for (const stop of stops) stop?.();
    timer?.cancel();
  };
}

/** Takes out as many as one line may name, as ranges. */
function takeRanges(indices: Set<number>, most = MAX_RANGES): Range[] {
  const ranges: Range[] = [];
  for (const index of [...indices].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.[1] === index) last[1] = index + 1;
    else if (ranges.length < most) ranges.push([index, index + 1]);
    else break;
    indices.delete(index);
  }
  return ranges;
}
