import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/shoal-command.js';

/** One file of `test/vectors/wire/`, as the type its test expects. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(projectRoot(), 'test', 'vectors', 'wire', `${name}.json`), 'utf8')) as T;
}
