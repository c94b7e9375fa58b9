/** Commands in hints: as they can be typed where this program was started, for the data it works with. */
import { basename } from 'node:path';
import { isSingleFile, type Started, startedAs } from './own-program.js';

/** `shoal`, or `npx shoal` where the shell does not know that word: after npm start, npm run and npx. A single file: as it was typed. */
export function ownProgram({ argv, env }: Started = startedAs(), isSingle = isSingleFile): string {
  if (isSingle) return quoted(argv[1] ?? 'shoal');
  return basename(argv[1] ?? '') === 'shoal' && env['npm_command'] === undefined ? 'shoal' : 'npx shoal';
}

/** `npx shoal WORDS`, with those of `flags` that this program was given: what the words are about. */
export function ownCommand(
  words: string,
  started: Started = startedAs(),
  flags: readonly string[] = ['--data', '--store'],
): string {
  const given = flags.flatMap((flag) => {
    const value = givenTo(flag, started.argv);
    return value === undefined ? [] : [` ${flag} ${quoted(withoutPassword(value))}`];
  });
  return `${ownProgram(started)} ${words}${given.join('')}`;
}

/** The same of a tracker elsewhere, as its user. */
export function ownCommandThere(words: string, started?: Started): string {
  return ownCommand(words, started, ['--tracker', '--user', '--data']);
}

function givenTo(flag: string, argv: readonly string[]): string | undefined {
  const at = argv.lastIndexOf(flag);
  if (at >= 0) return argv[at + 1];
  return argv.findLast((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1);
}

/** One that stands in the URL of a database. */
function withoutPassword(value: string): string {
  return value.replace(/^(postgres(?:ql)?:\/\/[^/@]*?):[^/@]*@/, '$1@').replace(/([?&])password=[^&]*&?/, '$1');
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
