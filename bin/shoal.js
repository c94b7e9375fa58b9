#!/usr/bin/env node
// The `shoal` command: picks the program and leaves everything else to it.
import { fileURLToPath } from 'node:url';

import { isBuilt, isNodeReady, keepHeapSmall, loadBuilt, prepareNode } from './launch.js';

const TRACKER_WORDS = ['tracker', 'user', 'group', 'admin'];

async function run() {
  if (!isBuilt()) return;
  prepareNode();
  const words = process.argv.slice(2);
  // `admin` with --tracker speaks to it over the network, as its user: that is the peer's work.
  const isRemote = words[0] === 'admin' && words.some((word) => word === '--tracker' || word.startsWith('--tracker='));
  const isTracker = TRACKER_WORDS.includes(words[0]) && !isRemote;
  if (!isTracker) keepHeapSmall();
  const { main } = await loadBuilt(isTracker ? 'tracker/main.js' : 'peer/main.js');
  // The tracker and the peer know nothing of each other: a depot in the tracker's process is put together here.
  const startDepot = async (options) => (await loadBuilt('peer/depot-main.js')).startDepot(options);
  process.exitCode = await (isTracker ? main(words, { startDepot }) : main(words));
}

if (isNodeReady(fileURLToPath(import.meta.url))) void run();
