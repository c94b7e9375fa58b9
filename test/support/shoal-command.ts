import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A program and its first arguments. */
export type Command = readonly [file: string, ...args: string[]];

export type Environment = Readonly<Record<string, string>>;

/** What a program under test may know of the machine. Not `CI`, not `NO_COLOR`, and above all no `SHOAL_*`. */
const INHERITED = ['PATH', 'TMPDIR', 'NODE_V8_COVERAGE', 'LD_LIBRARY_PATH'];

/** The project's folder: the nearest one above this file whose package is called "shoal". */
export function projectRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && isShoal(manifest)) return folder;
    if (folder === dirname(folder)) throw new Error('no package.json of "shoal" above the tests');
  }
}

/** The real `shoal` command, run by the Node that runs the tests. */
export function shoalCommand(): Command {
  const script = join(projectRoot(), 'bin', 'shoal.js');
  if (!existsSync(script)) throw new Error(`${script} does not exist: build the project first`);
  return [process.execPath, script];
}

/** An environment in which `home` is the only place a program can find or leave anything of a user; makes its folders. */
export async function isolatedEnvironment(home: string, additions: Environment = {}): Promise<Environment> {
  const runtime = join(home, 'run');
  await mkdir(runtime, { recursive: true, mode: 0o700 });
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const own = Object.fromEntries(inherited);
  return {
    ...own,
    PATH: [dirname(process.execPath), own['PATH'] ?? '/usr/bin:/bin'].join(delimiter),
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_STATE_HOME: join(home, '.local', 'state'),
    XDG_DATA_HOME: join(home, '.local', 'share'),
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_RUNTIME_DIR: runtime,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    ...additions,
  };
}

function isShoal(manifest: string): boolean {
  const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === 'shoal';
}
