// Every process that a test starts is listed here until it ends. What a test forgot is ended by its id: after the test
// when it began during the test, at the end of the run when a `before` hook started it, and always when the run ends.
import { isRunning, startedAtTicks } from './proc.js';
import { waitFor } from './wait-for.js';

interface Entry {
  readonly pid: number;
  readonly what: string;
  readonly belongsToTest: boolean;
  /** Known for processes that are not our children: their ids may be given to others when they end. */
  readonly startedAt: number | undefined;
}

const entries = new Map<number, Entry>();
let isInsideTest = false;
let started = 0;

process.once('exit', () => {
  for (const { pid } of entries.values()) kill(pid);
});
for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

/** Lists a child of this process; call the returned function when it has ended. */
export function listProcess(pid: number, what: string): () => void {
  started += 1;
  entries.set(pid, { pid, what, belongsToTest: isInsideTest, startedAt: undefined });
  return () => entries.delete(pid);
}

/** How many processes the tests of this run have started so far. */
export function processesStarted(): number {
  return started;
}

/** Lists a process that a program under test left running on purpose, such as the tracker behind `npm start`. */
export async function adoptProcess(pid: number, what: string): Promise<void> {
  const startedAt = await startedAtTicks(pid);
  if (startedAt !== undefined) entries.set(pid, { pid, what, belongsToTest: isInsideTest, startedAt });
}

/** From now on processes belong to the running test. */
export function beginTest(): void {
  isInsideTest = true;
}

/** Ends the processes that the test left behind and says which they were. */
export async function endTest(): Promise<string[]> {
  isInsideTest = false;
  return endAll([...entries.values()].filter((entry) => entry.belongsToTest));
}

/** Ends whatever is still listed and says what it was. */
export async function endRun(): Promise<string[]> {
  return endAll([...entries.values()]);
}

async function endAll(chosen: readonly Entry[]): Promise<string[]> {
  const ended: string[] = [];
  for (const { pid, what, startedAt } of chosen) {
    entries.delete(pid);
    if (!(await isRunning(pid))) continue;
    if (startedAt !== undefined && (await startedAtTicks(pid)) !== startedAt) continue;
    kill(pid);
    await waitFor(async () => !(await isRunning(pid)), { what: `process ${pid} to end: ${what}` });
    ended.push(`${what} (process ${pid})`);
  }
  return ended;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: it ended by itself meanwhile
  }
}
