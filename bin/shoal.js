#!/usr/bin/env node
// The `shoal` command: picks the program and leaves everything else to it.
import { fileURLToPath } from 'node:url';

import { isBuilt, isNodeReady, keepHeapSmall, loadBuilt, prepareNode } from './launch.js';

const TRACKER_WORDS = ['tracker', 'user', 'group', 'admin'];

async function run() {
  if (!isBuilt()) return;
  prepareNode();
  const words = process.argv.slice(2);
  const isTracker = TRACKER_WORDS.includes(words[0]);
  if (!isTracker) keepHeapSmall();
  const { main } = await loadBuilt(isTracker ? 'tracker/main.js' : 'peer/main.js');
  process.exitCode = await main(words);
}

if (isNodeReady(fileURLToPath(import.meta.url))) void run();
