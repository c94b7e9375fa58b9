/**
 * `npm run simulate:swarm`: finish times of downloaders of one file against the ideal, in a virtual network with the scheduler of real
 * peers. Options: --downloaders 1,2,4,8,16,32,128,512,2000 --chunks 256 --seeds 5 --document no. Results go to standard output and
 * docs/benchmarks.md.
 */
import { simulateSwarm } from '../test/simulation/swarm-simulation.js';
import { table, writeSection } from './support/document.js';
import { countOf, optionsOf } from './support/options.js';
import { quantile } from './support/statistics.js';

const CHUNK_BYTES = 256 * 1024;
const BYTES_PER_SECOND = 5e6;
const FILE = { chunkBytes: CHUNK_BYTES, bytesPerSecond: BYTES_PER_SECOND };
/** Larger swarms are simulated once, in less detail. */
const FEW = 128;

const options = optionsOf({ downloaders: '1,2,4,8,16,32,128,512,2000', chunks: '256', seeds: '5', document: 'yes' });
const chunks = countOf('chunks', options.chunks);
const seeds = countOf('seeds', options.seeds);
const counts = options.downloaders.split(',').map((text) => countOf('downloaders', text));

const rows = counts.map((downloaders) => {
  const outcomes = Array.from({ length: Math.max(1, Math.min(seeds, Math.floor(FEW / downloaders))) }, (_, seed) =>
    simulateSwarm({ ...FILE, chunks, downloaders, seed, blockBytes: CHUNK_BYTES / (downloaders > FEW ? 2 : 8) }),
  );
  const times = outcomes.flatMap(({ timesIdeal }) => timesIdeal);
  const row = [
    `${downloaders}`,
    `${outcomes.length}`,
    ...[0.5, 0.99, 0.999].map((share) => quantile(times, share).toFixed(2)),
    Math.max(...times).toFixed(2),
    Math.max(...outcomes.map(({ copies }) => copies)).toFixed(2),
    `${(100 * Math.max(...outcomes.map(({ duplicates }) => duplicates))).toFixed(2)} %`,
  ];
  process.stdout.write(`${row.join('  ')}\n`);
  return row;
});

const text = [
  '## Swarm, simulated',
  `One publisher and N downloaders that begin within 0.1 s, all links ${(BYTES_PER_SECOND / 1e6).toFixed(0)} MB/s both ways with 10 ms, a file of ${chunks} chunks of 256 KiB; of several seeds all times together, and the worst of the other figures. Virtual clock and links; the scheduler, the choice of chunks, the request window and the upload line are those of real peers. Times by the ideal: the file once over the publisher's link.`,
  table([['downloaders', 'seeds', 'p50', 'p99', 'p99.9', 'last', 'copies sent', 'came twice'], ...rows]),
].join('\n\n');
process.stdout.write(`\n${text}\n`);
if (options.document === 'yes') await writeSection('swarm-simulated', text);
