import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort, isListening, type Server, startServer } from './servers.js';
import { tool } from './tools.js';

export interface Opentracker extends Server {
  readonly port: number;
}

/**
 * Debian's opentracker knows only the torrents of its list (`infoHashes`, hex), refuses to stay root, and reads the list after it has
 * made `folder` its root: so the folder is readable by everybody. @throws {Missing}
 */
export async function startOpentracker(folder: string, infoHashes: readonly string[]): Promise<Opentracker> {
  const program = await tool('opentracker', 'opentracker');
  await mkdir(folder, { mode: 0o755 });
  await writeFile(join(folder, 'list'), `${infoHashes.join('\n')}\n`, { mode: 0o644 });
  const port = await freePort();
  const list = process.getuid?.() === 0 ? 'list' : join(folder, 'list');
  const words = ['-i', '127.0.0.1', '-p', String(port), '-P', String(port), '-d', folder, '-w', list];
  const server = await startServer([program, ...words], { isReady: () => isListening(port) });
  return { pid: server.pid, port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
