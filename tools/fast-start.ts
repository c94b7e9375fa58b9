/** The last step of `npm run build`: dist/program/, from which bin/launch.js starts. */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { makeScript, ROOT } from './one-script.js';

const FOLDER = join(ROOT, 'dist', 'program');
const NEXT = `${FOLDER}.${process.pid}`;

await makeScript(NEXT);
renameSync(join(NEXT, 'program.cache'), join(NEXT, `${cachedDataVersionTag()}.cache`)); // another V8 could not use it
rmSync(FOLDER, { recursive: true, force: true });
renameSync(NEXT, FOLDER);
