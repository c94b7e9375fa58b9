import { rm } from 'node:fs/promises';

import { costOf } from '../support/process-cost.js';
import { tool, versionOf } from '../support/tools.js';
import type { Course, Run } from './contender.js';
import type { ShoalWorld } from './shoal.js';

/** One way to hash the file. */
export interface Hasher {
  readonly name: string;
  readonly about: string;
  hash(): Promise<Run>;
}

type OpenHasher = (course: Course, world: ShoalWorld) => Promise<Hasher>;

const openB3sum: OpenHasher = async ({ source }) => {
  const b3sum = await tool('b3sum', 'b3sum');
  const about = `${await versionOf(b3sum, ['--version'], /b3sum [\d.]+/)}, all cores`;
  return { name: 'b3sum', about, hash: () => costOf({ command: [b3sum, source], servers: [] }) };
};

const openMktorrent: OpenHasher = async ({ source, dir }) => {
  const mktorrent = await tool('mktorrent', 'mktorrent');
  const torrent = dir.join('hash.torrent');
  const about = `${await versionOf(mktorrent, ['-h'], /mktorrent [\d.]+/)}, SHA-1, pieces of 4 MiB, all cores`;
  const hash = async (): Promise<Run> => {
    await rm(torrent, { force: true });
    return costOf({ command: [mktorrent, '-l', '22', '-o', torrent, source], servers: [] });
  };
  return { name: 'mktorrent', about, hash };
};

const openId: OpenHasher = async (_course, world) => ({
  name: 'shoal id',
  about: 'a command that starts, hashes and ends',
  hash: () => world.identify(),
});

const openPub: OpenHasher = async (_course, world) => ({
  name: 'shoal pub',
  about: 'attached to a running peer; hashed, stored by the peer, told to the tracker and durable there',
  hash: () => world.publish(),
});

export const HASHERS: readonly OpenHasher[] = [openB3sum, openMktorrent, openId, openPub];
