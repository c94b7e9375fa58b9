/** How long to wait before the next try to reach a lost tracker: at once for a restart, growing so that no storm meets it after a long outage. */
const FIRST_WAITS_MS = [100, 250, 500, 1_000];
const SHORT_OUTAGE_MS = 10_000;
const STEADY_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** ms, ±25 % so that peers do not return in step. `tries` counts from 0; `outageMs` is how long the tracker has been away. */
export function reconnectWait(tries: number, outageMs: number): number {
  const jitter = 0.75 + Math.random() / 2;
  const waitMs =
    FIRST_WAITS_MS[tries] ?? (outageMs < SHORT_OUTAGE_MS ? STEADY_WAIT_MS : Math.min(LONGEST_WAIT_MS, outageMs / 5));
  return waitMs * jitter;
}
