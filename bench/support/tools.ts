// Competitors as they are found on this machine: on PATH, or installed from npm into a folder of their own for one run.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Where distributions put servers; not on everybody's PATH. */
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'];
const INSTALL_TIMEOUT_MS = 120_000;

/** Something that cannot be measured here, and how it could. */
export class Missing extends Error {
  override readonly name = 'Missing';
}

/** Full path of a program. @throws {Missing} with how to install it. */
export async function tool(name: string, debianPackage: string): Promise<string> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...SERVER_FOLDERS]) {
    if (folder !== '' && (await isRunnable(join(folder, name)))) return join(folder, name);
  }
  throw new Missing(`${name} is missing: apt-get install ${debianPackage}`);
}

/** The first line of a program's version text that `pattern` finds, for the record. */
export async function versionOf(file: string, args: readonly string[], pattern: RegExp): Promise<string> {
  const text = await outputOf(file, args);
  return pattern.exec(text)?.[0] ?? 'version unknown';
}

/**
 * Installs packages into `folder`; no program of theirs runs at installation. They stay out of package.json because some bring native
 * parts that would have to be compiled. @throws {Missing} when the registry cannot be reached.
 */
export async function installed(folder: string, packages: readonly string[]): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', ...packages];
  try {
    await run('npm', args, { cwd: folder, timeout: INSTALL_TIMEOUT_MS });
  } catch (error) {
    throw new Missing(`${packages.join(', ')} could not be installed: npm ${args.join(' ')}`, { cause: error });
  }
}

/** Standard output and standard error together, whatever the exit code: version texts come in every way. */
async function outputOf(file: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run(file, [...args]);
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return stdout + stderr;
  }
}

async function isRunnable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run
  }
}
