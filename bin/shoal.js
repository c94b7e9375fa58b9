#!/usr/bin/env node
// The `shoal` command: picks the program and leaves everything else to it.
import { fileURLToPath } from 'node:url';

import { isBuilt, isNodeReady, loadBuilt, prepareNode } from './launch.js';

const TRACKER_WORDS = ['tracker', 'user', 'group', 'admin'];

async function run() {
  if (!isBuilt()) return;
  prepareNode();
  const words = process.argv.slice(2);
  const { main } = await loadBuilt(TRACKER_WORDS.includes(words[0]) ? 'tracker/main.js' : 'peer/main.js');
  process.exitCode = await main(words);
}

if (isNodeReady(fileURLToPath(import.meta.url))) void run();
