/** A thread that looks for the first bytes of a download: to look from the peer's own thread would hold up what is measured. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

export interface Looked {
  /** On the clock that all threads share, ms; undefined: it begins to look, or saw nothing in time. */
  readonly foundAt?: number;
}

const PAUSE_MS = 0.3;
const TIMEOUT_MS = 10_000;
const never = new Int32Array(new SharedArrayBuffer(4));

function hasBytes(folder: string): boolean {
  return readdirSync(folder).some(
    (name) => name.endsWith('.part') && (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0) > 0,
  );
}

function look(folder: string): Looked {
  const endsAt = performance.now() + TIMEOUT_MS;
  while (performance.now() < endsAt) {
    if (hasBytes(folder)) return { foundAt: performance.timeOrigin + performance.now() };
    Atomics.wait(never, 0, 0, PAUSE_MS);
  }
  return {};
}

parentPort?.postMessage({} satisfies Looked);
parentPort?.postMessage(look(String(workerData)));
