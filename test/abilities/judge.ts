/** Holds the rows against a run: what is wrong, or the text of docs/abilities.md. Pure. */
import type { Row } from './rows.js';

/** One test of a run. */
export interface RunTest {
  /** Below test/, without its ending. */
  readonly file: string;
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'pending' | undefined;
}

export interface Run {
  readonly tests: readonly RunTest[];
  /** Files whose tests started processes. */
  readonly filesWithProcesses: ReadonlySet<string>;
}

export type Rows = Readonly<Record<string, Row>>;

/** One sentence for each thing that is wrong; none when every row is shown. */
export function problemsOf(rows: Rows, rowNames: readonly string[], run: Run): string[] {
  const missing = rowNames.filter((name) => rows[name] === undefined).map((name) => `${name} is not in the list`);
  const unknown = Object.keys(rows)
    .filter((name) => !rowNames.includes(name))
    .map((name) => `${name} is no row`);
  const wrong = Object.entries(rows).flatMap(([name, row]) =>
    'shownBy' in row
      ? row.shownBy.flatMap((test) => problemsWith(test, run).map((problem) => `${name}: ${problem}`))
      : [],
  );
  return [...missing, ...unknown, ...wrong];
}

function problemsWith(named: string, { tests, filesWithProcesses }: Run): string[] {
  const [file, title] = splitName(named);
  const found = tests.filter((test) => test.file === file && (title === '*' || test.title === title));
  if (found.length === 0) return [`no test "${title}" ran in test/${file}.test.ts`];
  const bad = found.filter(({ state }) => state !== 'passed');
  return [
    ...bad.map((test) => `"${test.title}" in test/${file}.test.ts has ${test.state ?? 'not ended'}`),
    ...(filesWithProcesses.has(file) ? [] : [`test/${file}.test.ts started no process`]),
  ];
}

function splitName(named: string): [file: string, title: string] {
  const colon = named.indexOf(': ');
  return [named.slice(0, colon), named.slice(colon + 2)];
}

/** The document. The same run makes the same text. */
export function documentOf(rows: Rows, rowNames: readonly string[], run: Run): string {
  const lines = rowNames.flatMap((name) => {
    const row = rows[name];
    return row === undefined ? [] : [`| ${name} | ${cell(row.ability)} | ${cell(proofOf(row, run))} |`];
  });
  const shown = Object.values(rows).filter((row) => 'shownBy' in row).length;
  return `# Abilities

Written by \`npm test\`: each row names the tests with real processes that ran and passed in that run. A row whose test is missing or
fails, fails the run. The list is \`test/abilities/rows.ts\`.

${shown} rows are shown, ${rowNames.length - shown} are excepted.

| row | ability | shown by |
|---|---|---|
${lines.join('\n')}
`;
}

function proofOf(row: Row, { tests }: Run): string {
  if ('excepted' in row) return `excepted: ${row.excepted}`;
  return row.shownBy
    .map((named) => {
      const [file, title] = splitName(named);
      const count = tests.filter((test) => test.file === file).length;
      return `\`test/${file}.test.ts\`: ${title === '*' ? `all ${count} tests` : title}`;
    })
    .join('<br>');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
