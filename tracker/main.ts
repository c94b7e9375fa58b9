/**
 * The tracker's program: `shoal tracker …` and `shoal user …`. The one place of the tracker, with the process for cryptography, that
 * touches the process: its streams, its signals, its end.
 */
import { setFlagsFromString } from 'node:v8';
import { steadyClock, systemClock } from '../common/runtime/clock.js';
import { currentHost } from '../common/runtime/host.js';
import type { StartDepot } from './cli/process.js';
import { runProgram } from './cli/program.js';

/** A tracker that was told to stop has ended after this, whatever still hangs. */
const STOP_DEADLINE_MS = 1_900;

/**
 * Garbage is collected when a heap has grown by half, not to the fourfold as V8 would have it: the store's thread kept 290 MB for 50 that
 * lived while it took in a million publications. What it costs in time is within the noise of the runs in docs/benchmarks.md.
 */
const HEAP_GROWTH = '--heap-growing-percent=50';

/** Runs `shoal ARGV…` (what stands after `shoal`) to its end. Resolves with the exit code. */
export async function main(argv: readonly string[], parts: { readonly startDepot?: StartDepot } = {}): Promise<number> {
  setFlagsFromString(HEAP_GROWTH);
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(0);
    controller.abort();
    systemClock.setTimer(() => process.exit(0), STOP_DEADLINE_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdout.on('error', () => undefined); // whoever read the first line may have gone: the tracker stays
  process.stderr.on('error', () => undefined);
  const { stdin, stdout, stderr } = process;
  try {
    return await runProgram(argv, {
      host: currentHost(),
      stdin,
      stdout,
      stderr,
      signal: controller.signal,
      clock: steadyClock(systemClock),
      startDepot: parts.startDepot,
      onReload: (listener) => {
        if (stdin.isTTY) return () => undefined; // there it means that the terminal is gone, and ends the process as ever
        process.on('SIGHUP', listener);
        return () => void process.off('SIGHUP', listener);
      },
    });
  } finally {
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
  }
}
