/**
 * Loaded into a program with `--import`: watches how long its event loop keeps others waiting. SIGUSR2 writes the delays since the last
 * one to the file that LOOP_DELAY_FILE names; so does the end of the program.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The monitor's own timer, ms: it counts as delay what the timer was to wait anyway. */
const RESOLUTION_MS = 10;

const file = process.env['LOOP_DELAY_FILE'];
if (file !== undefined) watch(file);

function watch(path: string): void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const write = (): void => {
    const of = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    writeFileSync(`${path}.new`, JSON.stringify({ p99Ms: of(delay.percentile(99)), maxMs: of(delay.max) }));
    renameSync(`${path}.new`, path);
    delay.reset();
  };
  delay.enable();
  process.on('SIGUSR2', write);
  process.on('exit', write);
}
