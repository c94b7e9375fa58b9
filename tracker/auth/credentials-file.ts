/** `credentials.txt`: one `user password` a line, the first space ends the name; `$argon2id$…` is a hash. `#` begins a comment. */
import { readFile } from 'node:fs/promises';
import { checkUserName } from '../../common/content/file-name.js';
import { checkPassword } from '../../common/protocol/password-rule.js';
import { parsePhc } from '../../common/wire/phc.js';

/** The file cannot be used; the message names it, the line, and what is expected. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

export interface Credential {
  readonly user: string;
  readonly secret: { readonly password: string } | { readonly passwordHash: string };
}

/** @throws {CredentialsError} */
export async function readCredentials(path: string): Promise<Credential[]> {
  try {
    return parseCredentials(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof CredentialsError) throw error;
    throw new CredentialsError(
      `the credentials file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}). Check the path and who owns the file.`,
      { cause: error },
    );
  }
}

/** @throws {CredentialsError} naming the first line that is wrong; never its password. */
export function parseCredentials(text: string, path: string): Credential[] {
  const seen = new Map<string, number>();
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  return lines.flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const fail = (reason: string): CredentialsError => new CredentialsError(`${path}, line ${index + 1}: ${reason}`);
    const credential = parseLine(line, fail);
    const fold = credential.user.toLowerCase();
    const earlier = seen.get(fold);
    if (earlier !== undefined) throw fail(`the user "${credential.user}" stands in line ${earlier} already.`);
    seen.set(fold, index + 1);
    return [credential];
  });
}

function parseLine(line: string, fail: (reason: string) => CredentialsError): Credential {
  const space = line.indexOf(' ');
  if (space < 1) throw fail('expected a user name, one space, and a password.');
  const [user, password] = [line.slice(0, space), line.slice(space + 1)];
  const problem = checkUserName(user);
  if (problem !== undefined) throw fail(problem.message);
  if (password.startsWith('$argon2')) {
    if (parsePhc(password) === undefined)
      throw fail('the hash is not argon2id in PHC form, or asks for more than 256 MiB.');
    return { user, secret: { passwordHash: password } };
  }
  const wrong = checkPassword(password);
  if (wrong !== undefined) throw fail(wrong);
  return { user, secret: { password } };
}
