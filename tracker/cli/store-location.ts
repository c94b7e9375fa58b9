import { isAbsolute, join, resolve } from 'node:path';
import type { TrackerConfig } from '../../common/runtime/config.js';
import { CliError, EXIT } from './process.js';

/** The SQLite file of this configuration: `--store sqlite:PATH`, else one in the data folder. @throws {CliError} */
export function storePath({ store, data }: TrackerConfig, cwd: string): string {
  if (store === undefined) return join(data, 'tracker.sqlite');
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(store)?.[1];
  if (path !== undefined) return isAbsolute(path) ? path : resolve(cwd, path);
  if (/^postgres(?:ql)?:/.test(store)) {
    throw new CliError(
      '--store postgres://… is not in this version yet. Leave it out to use SQLite in the data folder.',
      { code: 'not-yet', exitCode: EXIT.usage },
    );
  }
  throw new CliError(`--store ${store} is no store. Write sqlite:PATH, or leave it out to use the data folder.`, {
    code: 'usage',
    exitCode: EXIT.usage,
  });
}
