/** Where `shoal user` takes a password from: a file, the environment, or a prompt; never an argument, which others can see. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkPassword } from '../../common/protocol/password-rule.js';
import { CliError, type CliProcess, EXIT } from './process.js';

/** `flag`: by which the file is given; SHOAL_PASSWORD is meant where that is --password-file. @throws {CliError} when there is none, or it cannot be used. */
export async function takePassword(
  user: string,
  passwordFile: string | undefined,
  process: CliProcess,
  flag: '--password-file' | '--new-password-file' = '--password-file',
): Promise<string> {
  const password = await read(user, passwordFile, { process, flag });
  const problem = checkPassword(password);
  if (problem !== undefined) throw new CliError(problem, { code: 'bad-password', exitCode: EXIT.failed });
  return password;
}

async function read(
  user: string,
  passwordFile: string | undefined,
  { process, flag }: { readonly process: CliProcess; readonly flag: string },
): Promise<string> {
  if (passwordFile !== undefined) return readFirstLine(resolve(process.host.cwd, passwordFile));
  // With --new-password-file it is that of the administrator, who may ask a tracker elsewhere with it.
  const isOwn = flag === '--new-password-file';
  const fromEnvironment = isOwn ? undefined : process.host.env['SHOAL_PASSWORD'];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment;
  if (!process.stdin.isTTY) {
    const given = isOwn ? `${flag} FILE` : `${flag} FILE or SHOAL_PASSWORD`;
    throw new CliError(`no password: give ${given}, or run this in a terminal.`, {
      code: 'usage',
      exitCode: EXIT.usage,
    });
  }
  const first = await ask(`New password for ${user}: `, process);
  const second = await ask('Once more: ', process);
  if (first !== second)
    throw new CliError('the two passwords differ. Nothing was changed.', {
      code: 'bad-password',
      exitCode: EXIT.failed,
    });
  return first;
}

async function readFirstLine(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/, 1)[0] ?? '';
  } catch (error) {
    throw new CliError(`the password file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, {
      code: 'unreadable',
      exitCode: EXIT.failed,
      cause: error,
    });
  }
}

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const ERASE = new Set(['\u007f', '\b']);
const ENTER = new Set(['\r', '\n']);

/** Asks in raw mode: what is typed is not shown. */
async function ask(question: string, { stdin, stderr, signal }: CliProcess): Promise<string> {
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  let typed: string[] = [];
  try {
    for await (const text of stdin.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      for (const key of text) {
        if (ENTER.has(key)) return typed.join('');
        if (key === CTRL_C || key === CTRL_D || signal.aborted)
          throw new CliError('interrupted. Nothing was changed.', { code: 'interrupted', exitCode: EXIT.interrupted });
        typed = ERASE.has(key) ? typed.slice(0, -1) : [...typed, key];
      }
    }
    throw new CliError('the terminal was closed. Nothing was changed.', {
      code: 'interrupted',
      exitCode: EXIT.interrupted,
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}
