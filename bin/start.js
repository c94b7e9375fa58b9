#!/usr/bin/env node
// `npm start`: the terminal, and a tracker with the sample accounts on this computer when none answers.
import { fileURLToPath } from 'node:url';

import { fail, isBuilt, isNodeReady, keepHeapSmall, loadBuilt, packageRoot, prepareNode } from './launch.js';

async function run() {
  if (!isBuilt()) return;
  prepareNode();
  keepHeapSmall();
  const program = loadBuilt('peer/main.js'); // read while the tracker starts
  const { findOrStartTracker } = await import('./loopback-tracker.js');
  const [{ main }, tracker] = await Promise.all([program, findOrStartTracker(packageRoot)]);
  if (tracker.problem !== undefined) fail(tracker.problem);
  else process.exitCode = await main(['--tracker', tracker.address, ...process.argv.slice(2)]);
}

if (isNodeReady(fileURLToPath(import.meta.url))) void run();
