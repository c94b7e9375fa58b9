import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';

import type { Peer } from '../../peer/api.js';
import type { Looked } from './watch-folder.js';

/** Time from the call of a running peer's `get` until the first proven bytes are in the file, ms. The download is then given up. */
export async function timeToFirstBytes(
  peer: Peer,
  { name, folder }: { name: string; folder: string },
): Promise<number> {
  const stop = new AbortController();
  const watch = new Worker(new URL('./watch-folder.js', import.meta.url), { workerData: folder });
  const next = async (): Promise<Looked> => (await once(watch, 'message'))[0] as Looked;
  await next(); // it looks
  const startedAt = performance.timeOrigin + performance.now();
  const failed = Promise.withResolvers<never>();
  const got = peer.call('get', { selector: name, directory: folder }, { signal: stop.signal }).catch(failed.reject);
  try {
    const { foundAt } = await Promise.race([next(), failed.promise]);
    if (foundAt === undefined) throw new Error(`nothing of ${name} came`);
    return foundAt - startedAt;
  } finally {
    stop.abort();
    await got;
    await watch.terminate();
    for (const left of await readdir(folder)) await rm(`${folder}/${left}`);
  }
}
