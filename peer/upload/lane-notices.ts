/** Lines that come by themselves while a downloader waits: its place in the queue, and chunks that have arrived here. */
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Place } from '../file-port/fair-queue.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import type { SharedFile } from './shared-file.js';

/** A place in the queue is said again after this, ms, so that waiting does not look like a stall (15 s). */
const REPEAT_EVERY_MS = 5_000;
/** `have` is sent at most once in this time, ms. */
const HAVE_EVERY_MS = 1_000;

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

/** Tells a downloader of chunks that arrive in a file that is itself still being fetched. Returns the undo. */
export function announceHave(
  connection: PeerConnection,
  { ticketId, shared, clock }: { ticketId: string; shared: SharedFile; clock: Clock },
): () => void {
  let timer: Timer | undefined;
  const plan = (): void => {
    timer = clock.setTimer(tell, HAVE_EVERY_MS);
    timer.unref();
  };
  const tell = (): void => {
    timer = undefined;
    // A slow reader gets the latest state when it has taken the one before, not all of them.
    if (connection.hasUnreadLines) plan();
    else connection.send({ type: 'have', ticketId, have: shared.have() });
  };
  const stop = shared.onHave?.(() => {
    if (timer === undefined) plan();
  });
  return () => {
    stop?.();
    timer?.cancel();
  };
}
