// For a run of all tests (`npm run mocha`), in one process or in several: notes what ran, judges the rows at the end, and writes
// docs/abilities.md. Mocha loads this file with --require.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { processesStarted } from '../support/leftovers.js';
import { projectRoot } from '../support/shoal-command.js';
import { documentOf, problemsOf, type RunTest } from './judge.js';
import { ROW_NAMES, ROWS } from './rows.js';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
/** Each process of the run leaves what it saw here. */
const NOTES = join(projectRoot(), 'dist', 'test-notes');

interface Note {
  readonly tests: readonly RunTest[];
  readonly filesWithProcesses: readonly string[];
}

const tests: RunTest[] = [];
const filesWithProcesses = new Set<string>();
let processesBefore = 0;
let notes = 0;

export const mochaHooks = {
  afterEach(this: Mocha.Context): void {
    const test = this.currentTest;
    if (test === undefined) return;
    const file = relative(TESTS, test.file ?? '')
      .replaceAll(sep, '/')
      .replace(/\.test\.js$/, '');
    tests.push({ file, title: test.title, state: test.state });
    // Those of a `before` hook count for the first test behind it: it is of the same file.
    if (processesStarted() > processesBefore) filesWithProcesses.add(file);
    processesBefore = processesStarted();
  },

  /** After all files, or after each one where several processes share the run. */
  async afterAll(): Promise<void> {
    notes += 1;
    const note: Note = { tests: tests.splice(0), filesWithProcesses: [...filesWithProcesses] };
    await writeFile(join(NOTES, `${process.pid}-${notes}.json`), JSON.stringify(note));
  },
};

/** Once, before everything. */
export async function mochaGlobalSetup(): Promise<void> {
  await rm(NOTES, { recursive: true, force: true });
  await mkdir(NOTES, { recursive: true });
}

/** Once, after everything. @throws to fail the run. */
export async function mochaGlobalTeardown(): Promise<void> {
  const read = async (name: string): Promise<Note> => JSON.parse(await readFile(join(NOTES, name), 'utf8')) as Note;
  const all = await Promise.all((await readdir(NOTES)).map(read));
  const run = {
    tests: all.flatMap((note) => note.tests),
    filesWithProcesses: new Set(all.flatMap((note) => note.filesWithProcesses)),
  };
  const problems = problemsOf(ROWS, ROW_NAMES, run);
  if (problems.length > 0) throw new Error(`abilities that this run does not show:\n${problems.join('\n')}`);
  const path = join(projectRoot(), 'docs', 'abilities.md');
  const text = documentOf(ROWS, ROW_NAMES, run);
  if ((await readFile(path, 'utf8').catch(() => '')) !== text) await writeFile(path, text);
}
