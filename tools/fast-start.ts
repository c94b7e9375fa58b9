/** The last step of `npm run build`: dist/program/, from which bin/launch.js starts. Without it Shoal works, and starts as modules. */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { makeScript, ROOT } from './one-script.js';

const FOLDER = join(ROOT, 'dist', 'program');
const NEXT = `${FOLDER}.${process.pid}`;

try {
  await makeScript(NEXT);
  renameSync(join(NEXT, 'program.cache'), join(NEXT, `${cachedDataVersionTag()}.cache`)); // another V8 could not use it
  rmSync(FOLDER, { recursive: true, force: true });
  renameSync(NEXT, FOLDER);
} catch (error) {
  // esbuild has no binary for some platforms.
  process.stderr.write(`Shoal will start slower, since its modules could not be made one script: ${error}\n`);
  rmSync(NEXT, { recursive: true, force: true });
}
