#!/usr/bin/env node
// `npm start`.
import { fileURLToPath } from 'node:url';

import { isBuilt, isNodeReady, loadPrograms, packageRoot } from './launch.js';

async function run() {
  if (!isBuilt()) return;
  const { runStart } = await loadPrograms();
  process.exitCode = await runStart(process.argv.slice(2), packageRoot);
}

if (isNodeReady(fileURLToPath(import.meta.url))) void run();
