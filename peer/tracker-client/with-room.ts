import type { Reply, RequestType } from '../../common/protocol/messages.js';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, sleep } from '../../common/runtime/deadline.js';

/** Pauses before a change is sent again, ms. */
const ROOM_AFTER_MS = [50, 100, 200, 400, 800, 1_600, 3_200];

/**
 * Asks again while the tracker keeps too many outcomes of changes that it does not know to have arrived: many of them at once, on a wire that
 * loses. Each request brings the tracker word of some, and what was refused so has changed nothing.
 */
export async function withRoom<T extends RequestType>(
  ask: () => Promise<Reply<T>>,
  { signal, clock }: AbortOptions & { readonly clock: Clock },
): Promise<Reply<T>> {
  for (const pauseMs of ROOM_AFTER_MS) {
    const reply = await ask();
    if (reply.ok || reply.error.code !== 'too-many-pending') return reply;
    await sleep(pauseMs, { signal, clock });
  }
  return ask();
}
