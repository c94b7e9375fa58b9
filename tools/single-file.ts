/**
 * `npm run build:single [-- FOLDER]`: one executable file with all of Shoal and the Node that runs this script, for its platform.
 * What runs first in it lies in tools/single-file/. Beside it LICENSES.txt, which whoever passes the file on passes on with it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { makeScript, ROOT } from './one-script.js';
import { licensesText } from './single-file/licenses.js';

const TOOLS = join(ROOT, 'tools', 'single-file');
const FOLDER = resolve(process.argv[2] ?? join(ROOT, 'dist', 'single'));
const OUTPUT = join(FOLDER, process.platform === 'win32' ? 'shoal.exe' : 'shoal');
const PARTS = join(FOLDER, 'parts');

async function buildSingleFile(): Promise<void> {
  const packages = await makeScript(PARTS);
  const native = dirname(nativeAddOn());
  writeFileSync(part('sea.json'), JSON.stringify(description()));
  execFileSync(process.execPath, [`--build-sea=${part('sea.json')}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(part('shoal'), OUTPUT); // an older one may be running
  writeFileSync(join(FOLDER, 'LICENSES.txt'), licensesText(ROOT, [...packages, native, join(native, '../blake-hash')]));
  rmSync(PARTS, { recursive: true });
  process.stdout.write(`${OUTPUT}\n`);
}

function part(name: string): string {
  return join(PARTS, name);
}

/** What Node is told to put into the file. */
function description(): object {
  const addOn = nativeAddOn();
  const digest = createHash('sha256').update(readFileSync(addOn)).digest('hex');
  return {
    main: join(TOOLS, 'boot.cjs'),
    executable: nodeBinary(),
    output: part('shoal'),
    disableExperimentalSEAWarning: true,
    execArgv: ['--no-deprecation'], // a bundled package is no longer known as one of others, whose sins Node passes over
    execArgvExtension: 'none', // NODE_OPTIONS is meant for other programs
    assets: {
      'boot.js': join(TOOLS, 'boot.cjs'),
      'program.js': part('program.js'),
      'program.cache': part('program.cache'),
      [`${digest}.node`]: addOn,
      'package.json': join(ROOT, 'package.json'),
      'credentials.txt': join(ROOT, 'credentials.txt'),
    },
  };
}

/** Without its symbols where the system can take them off: a fifth smaller, and twice as soon built. */
function nodeBinary(): string {
  if (process.platform !== 'linux') return process.execPath; // on macOS that would break its signature
  const stripped = spawnSync('strip', ['-o', part('node'), process.execPath], { stdio: 'ignore' });
  return stripped.status === 0 ? part('node') : process.execPath;
}

/** The binary that the package would load here. */
function nativeAddOn(): string {
  const require = createRequire(import.meta.url);
  require('@napi-rs/blake-hash');
  const path = Object.keys(require.cache).find((name) => name.endsWith('.node'));
  if (path === undefined) throw new Error('@napi-rs/blake-hash has no binary for this platform: run npm ci');
  return path;
}

await buildSingleFile();
