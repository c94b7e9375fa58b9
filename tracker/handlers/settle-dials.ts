import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';

/** A peer that has just come is being dialled: waiting a moment for that saves the downloader a second question. */
const DIAL_WAIT_MS = 1_000;

/** Waits for dial-backs that are under way, not longer than a moment. */
export async function settleDials({ dialBack, clock }: Services, peers: readonly Session[]): Promise<void> {
  const unproven = peers.filter(
    ({ reach, filePort, node }) => filePort !== undefined && !reach.isProven && node === undefined,
  );
  if (unproven.length === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(resolve, DIAL_WAIT_MS);
  for (const peer of unproven) dialBack.check(peer);
  await Promise.race([Promise.all(unproven.map((peer) => dialBack.settled(peer))), promise]);
  timer.cancel();
}
