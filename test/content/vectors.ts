import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/shoal-command.js';

/** One file of `test/vectors/content/`, as the type its test expects. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(projectRoot(), 'test', 'vectors', 'content', `${name}.json`), 'utf8')) as T;
}

/** Content of the vectors: byte i is i mod 251, as in the official BLAKE3 test vectors. */
export function patternBytes(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, index) => index % 251));
}

/** `text` for the title of a test: only printable ASCII, so that a hostile name does nothing to who reads the report. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
