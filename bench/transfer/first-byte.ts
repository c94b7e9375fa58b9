import { readdir, rm, stat } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';

import type { Peer } from '../../peer/api.js';

const TIMEOUT_MS = 10_000;

/** Time from the call of a running peer's `get` until the first proven bytes are in the file, ms. The download is then given up. */
export async function timeToFirstBytes(
  peer: Peer,
  { name, folder }: { name: string; folder: string },
): Promise<number> {
  const stop = new AbortController();
  const startedAt = performance.now();
  let failure: unknown;
  const got = peer
    .call('get', { selector: name, directory: folder }, { signal: stop.signal })
    .catch((error: unknown) => void (failure = error));
  try {
    while (!(await hasBytes(folder))) {
      if (failure !== undefined) throw failure;
      if (performance.now() - startedAt > TIMEOUT_MS) throw new Error(`nothing of ${name} came in ${TIMEOUT_MS} ms`);
      await turn();
    }
    return performance.now() - startedAt;
  } finally {
    stop.abort();
    await got;
    for (const left of await readdir(folder)) await rm(`${folder}/${left}`);
  }
}

async function hasBytes(folder: string): Promise<boolean> {
  for (const name of await readdir(folder)) {
    if (name.endsWith('.part') && (await stat(`${folder}/${name}`)).size > 0) return true;
  }
  return false;
}
