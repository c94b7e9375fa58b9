import { writeFile } from 'node:fs/promises';

/** Passwords by user name. */
export type Accounts = Readonly<Record<string, string>>;

/** Writes a credentials file, one `user password` line each, readable by its owner only; returns its path. */
export async function writeCredentials(path: string, accounts: Accounts): Promise<string> {
  const lines = Object.entries(accounts).map(([user, password]) => {
    if (/\s/.test(user) || /[\r\n]/.test(password))
      throw new RangeError(`cannot be a credentials line: user "${user}"`);
    return `${user} ${password}\n`;
  });
  await writeFile(path, lines.join(''), { mode: 0o600 });
  return path;
}
