/** Where the processor time of one transfer goes, at both ends, as `perf` sees it: what bounds the speed. */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

import { startServer } from '../support/servers.js';
import { tool } from '../support/tools.js';
import type { Course } from './contender.js';
import type { ShoalWorld } from './shoal.js';

const run = promisify(execFile);
const HERTZ = '499';
/** Thread, shared object and symbol of a sample; the first kind that fits is its kind. */
const KINDS: readonly (readonly [kind: string, fits: (sample: Sample) => boolean])[] = [
  ['main thread: AES-128-GCM', ({ isMain, symbol }) => isMain && /aes|ghash|gcm/i.test(symbol)],
  ['main thread: BLAKE3', ({ isMain, object }) => isMain && object.includes('blake')],
  ['main thread: copying', ({ isMain, symbol }) => isMain && /mem(move|cpy|set)/.test(symbol)],
  ['main thread: system calls, the network', ({ isMain, object }) => isMain && object.includes('kernel')],
  ['main thread: JavaScript, Node, OpenSSL around the cipher', ({ isMain }) => isMain],
  ['other threads: hashing, reading and writing the file', ({ thread }) => /^(libuv|writing)/.test(thread)],
  ['other threads: garbage collection and compiling', () => true],
];

interface Sample {
  readonly thread: string;
  readonly isMain: boolean;
  readonly object: string;
  readonly symbol: string;
}

export interface Profile {
  readonly wallSeconds: number;
  /** Seconds of each kind, in the order of `kinds`. */
  readonly downloader: readonly number[];
  readonly source: readonly number[];
}

export const kinds: readonly string[] = KINDS.map(([kind]) => kind);

/** @throws {Missing} without `perf`. */
export async function profileTransfer({ dir }: Course, world: ShoalWorld): Promise<Profile> {
  const perf = await tool('perf', 'linux-perf');
  const files = { downloader: dir.join('downloader.perf'), source: dir.join('source.perf') };
  const record = [perf, 'record', '-q', '-F', HERTZ, '-o'] as const;
  await mkdir(dir.join('profiled'));
  const watching = await startServer([...record, files.source, '-p', String(world.sourcePid)], { isReady: () => true });
  const { seconds } = await world.get(dir.join('profiled/moved.bin'), [...record, files.downloader, '--']);
  await watching[Symbol.asyncDispose]();
  await rm(dir.join('profiled'), { recursive: true });
  return {
    wallSeconds: seconds,
    downloader: await secondsByKind(perf, files.downloader),
    source: await secondsByKind(perf, files.source),
  };
}

async function secondsByKind(perf: string, file: string): Promise<number[]> {
  const words = ['report', '-i', file, '--no-children', '-g', 'none', '--sort', 'comm,dso,sym', '-t', '\t'];
  const { stdout } = await run(perf, [...words, '-F', 'sample,comm,dso,sym'], { maxBuffer: 2 ** 26 });
  const seconds = KINDS.map(() => 0);
  for (const line of stdout.split('\n')) {
    const [count = '', thread = '', object = '', symbol = ''] = line.split('\t').map((cell) => cell.trim());
    if (!/^\d+$/.test(count)) continue;
    const sample = { thread, object, symbol, isMain: /^node(-Main|$)/.test(thread) };
    const kind = KINDS.findIndex(([, fits]) => fits(sample));
    seconds[kind] = (seconds[kind] ?? 0) + Number(count) / Number(HERTZ);
  }
  return seconds;
}
