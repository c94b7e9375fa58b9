/** Commands in hints: as they can be typed where this program was started, for the data it works with. */
import { basename } from 'node:path';
import { isSingleFile } from './own-program.js';

interface Started {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `shoal`, or `npx shoal` where the shell does not know that word: after npm start, npm run and npx. A single file: as it was typed. */
export function ownProgram({ argv, env }: Started = process, isSingle = isSingleFile): string {
  if (isSingle) return quoted(argv[1] ?? 'shoal');
  return basename(argv[1] ?? '') === 'shoal' && env['npm_command'] === undefined ? 'shoal' : 'npx shoal';
}

/** `npx shoal WORDS`, with the `--data` that this program was given. */
export function ownCommand(words: string, started: Started = process): string {
  const data = givenData(started.argv);
  return `${ownProgram(started)} ${words}${data === undefined ? '' : ` --data ${quoted(data)}`}`;
}

function givenData(argv: readonly string[]): string | undefined {
  const at = argv.lastIndexOf('--data');
  if (at >= 0) return argv[at + 1];
  return argv.findLast((word) => word.startsWith('--data='))?.slice('--data='.length);
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
