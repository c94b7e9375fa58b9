import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

import type { Host } from './host.js';
import { ConfigError, parseSetting } from './setting-value.js';

/**
 * The port from `PORT` in the environment, else from a `.env` in the first of `folders` that has one with `PORT`.
 * Only the tracker and the npm scripts ask, and only for the project root and `--data`: a file that lies in a
 * download folder must never configure a peer.
 * @throws {ConfigError} when the value is no port or a `.env` cannot be read.
 */
export function readDotEnvPort(folders: readonly string[], host: Host): number | undefined {
  const base = { folder: host.cwd, home: host.home };
  const own = host.env['PORT'];
  if (own !== undefined && own !== '') return parseSetting('port', own, { origin: 'PORT in the environment', base });
  for (const folder of folders) {
    const path = join(folder, '.env');
    const port = readIfThere(path)['PORT'];
    if (port !== undefined && port !== '') return parseSetting('port', port, { origin: `PORT in ${path}`, base });
  }
  return undefined;
}

function readIfThere(path: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new ConfigError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`, {
      cause: error,
    });
  }
}
