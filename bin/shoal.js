#!/usr/bin/env node
// The `shoal` command.
import { fileURLToPath } from 'node:url';

import { isBuilt, isNodeReady, loadPrograms } from './launch.js';

async function run() {
  if (!isBuilt()) return;
  const { runShoal } = await loadPrograms();
  process.exitCode = await runShoal(process.argv.slice(2));
}

if (isNodeReady(fileURLToPath(import.meta.url))) void run();
