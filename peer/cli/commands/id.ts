import { resolve } from 'node:path';
import type { CommandContext } from '../context.js';

/** Prints the id of a file's content; needs no tracker and no user. */
export async function id({ args, process, output, parts }: CommandContext): Promise<number> {
  const path = resolve(process.host.cwd, args[0] ?? '');
  const { fileId, sizeBytes } = await parts.identifyFile(path, {
    signal: process.signal,
    onProgress: (event) => output.progress(event),
  });
  output.lines([fileId]);
  output.result('id', { path, fileId, sizeBytes });
  return 0;
}
