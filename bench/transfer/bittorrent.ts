import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startOpentracker } from '../support/opentracker.js';
import { costOf } from '../support/process-cost.js';
import { freePort, startServer } from '../support/servers.js';
import { installed, tool, versionOf } from '../support/tools.js';
import type { Contender, Course } from './contender.js';

const run = promisify(execFile);
/** Pieces of 4 MiB (2^22): as `mktorrent` and most clients choose for a file of a few GiB. */
const PIECE_LENGTH_LOG2 = '22';
const INFO = '4:info';
const ARIA2_OPTIONS = [
  '--no-conf=true',
  '--interface=127.0.0.1',
  '--disable-ipv6=true',
  '--enable-dht=false',
  '--bt-enable-lpd=false',
  '--enable-peer-exchange=false',
  '--summary-interval=0',
];
const WEBTORRENT = 'webtorrent@3.0.21';

/** One torrent with a loopback tracker that knows only its seeder and who asks. */
export async function openAria2({ dir, source }: Course): Promise<Contender> {
  const [aria2c, mktorrent] = [await tool('aria2c', 'aria2'), await tool('mktorrent', 'mktorrent')];
  const version = await versionOf(aria2c, ['--version'], /aria2 version [\d.]+/);
  await mkdir(dir.join('aria2'));
  const torrent = dir.join('aria2/file.torrent');
  await run(mktorrent, ['-l', PIECE_LENGTH_LOG2, '-o', torrent, source]);
  const tracker = await startOpentracker(dir.join('aria2/tracker'), [await infoHashOf(torrent)]);
  const common = [...ARIA2_OPTIONS, `--bt-tracker=http://127.0.0.1:${tracker.port}/announce`];
  const seed = [
    '--seed-ratio=0.0',
    '--check-integrity=true',
    `--listen-port=${await freePort()}`,
    `--dir=${dirname(source)}`,
  ];
  const seeder = await startServer([aria2c, ...common, ...seed, torrent], { isReady: (output) => isSeeding(output()) });
  return {
    name: 'aria2c ← aria2c',
    about: `${version}, BitTorrent, pieces of 4 MiB with SHA-1; not encrypted`,
    move: async (target) => {
      const fetch = [
        '--seed-time=0',
        '--file-allocation=none',
        `--listen-port=${await freePort()}`,
        `--dir=${dirname(target)}`,
      ];
      return costOf({ command: [aria2c, ...common, ...fetch, torrent], servers: [seeder.pid] });
    },
    [Symbol.asyncDispose]: async () => {
      await seeder[Symbol.asyncDispose]();
      await tracker[Symbol.asyncDispose]();
    },
  };
}

/** Both ends told of each other directly: no tracker, no DHT. */
export async function openWebtorrent({ dir, source }: Course): Promise<Contender> {
  const folder = dir.join('webtorrent');
  await mkdir(folder);
  await installed(folder, [WEBTORRENT]);
  const program = fileURLToPath(new URL('webtorrent-program.js', import.meta.url));
  const torrent = dir.join('webtorrent/file.torrent');
  const port = await freePort();
  const words = [process.execPath, program, folder] as const;
  const seeder = await startServer([...words, 'seed', torrent, source, String(port)], {
    isReady: () => existsSync(torrent),
  });
  return {
    name: 'webtorrent ← webtorrent',
    about: `${WEBTORRENT} on this Node, BitTorrent over TCP, pieces with SHA-1; not encrypted`,
    move: (target) =>
      costOf({ command: [...words, 'fetch', torrent, dirname(target), String(port)], servers: [seeder.pid] }),
    [Symbol.asyncDispose]: () => seeder[Symbol.asyncDispose](),
  };
}

/** Where both put the file: the torrent's own name in the folder of the target. */
export function torrentTarget(target: string, source: string): string {
  return `${dirname(target)}/${basename(source)}`;
}

/** Of a torrent file as `mktorrent` writes it: the dictionary that is hashed stands last. */
async function infoHashOf(torrent: string): Promise<string> {
  const bytes = await readFile(torrent);
  return createHash('sha1')
    .update(bytes.subarray(bytes.indexOf(INFO) + INFO.length, -1))
    .digest('hex');
}

function isSeeding(output: string): boolean {
  return output.includes('Verification finished successfully') && output.includes('listening on TCP port');
}
