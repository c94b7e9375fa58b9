#!/usr/bin/env node
// `npm start`: the terminal, and a tracker with the sample accounts on this computer when none answers.
import { fileURLToPath } from 'node:url';

import { fail, isBuilt, isNodeReady, keepHeapSmall, loadBuilt, packageRoot, prepareNode } from './launch.js';

async function run() {
  if (!isBuilt()) return;
  prepareNode();
  keepHeapSmall();
  const words = process.argv.slice(2);
  const program = loadBuilt('peer/main.js'); // read while the tracker starts
  if (words.some((word) => word === '--tracker' || word.startsWith('--tracker='))) {
    process.exitCode = await (await program).main(words);
    return;
  }
  const { findOrStartTracker } = await import('./loopback-tracker.js');
  const [{ main }, tracker] = await Promise.all([program, findOrStartTracker(packageRoot)]);
  if (tracker.problem !== undefined) fail(tracker.problem);
  else
    process.exitCode = await main(['--tracker', tracker.address, ...words], {
      onTrackerAway: keeper(findOrStartTracker),
    });
}

/** The tracker may be killed, or leave while nobody is logged in: any terminal then starts it again. */
function keeper(findOrStartTracker) {
  let isBusy = false;
  return async () => {
    if (isBusy) return;
    isBusy = true;
    await findOrStartTracker(packageRoot); // if that fails, the screen says that there is no tracker
    isBusy = false;
  };
}

if (isNodeReady(fileURLToPath(import.meta.url))) void run();
