/**
 * `npm run bench:tracker`: Shoal's tracker beside opentracker and bittorrent-tracker, in turns, and what is asked of an index. Options:
 * --parts presence,requests,index,mixed,scale --seconds 4 --runs 3 --sessions 500 --names 1000000 --peers 100000 --document no. Each part
 * has a tracker of its own and a section of docs/benchmarks.md, so that it can be run alone. `--names 10000000 --parts index` takes half an hour.
 */
import { tempDir } from '../test/support/temp.js';
import { writeSection } from './support/document.js';
import { describeLoad, describeMachine } from './support/machine.js';
import { countOf, optionsOf } from './support/options.js';
import { startBenchTracker } from './tracker/bench-tracker.js';
import { crowdAccounts } from './tracker/crowd.js';
import { indexPart } from './tracker/index-part.js';
import { buildGenerator } from './tracker/load.js';
import { mixedPart } from './tracker/mixed-part.js';
import { presencePart } from './tracker/presence-part.js';
import { requestsPart } from './tracker/requests-part.js';
import { scalePart } from './tracker/scale-part.js';
import type { PartOptions } from './tracker/shoal-load.js';

const PARTS: Readonly<Record<string, (options: PartOptions) => Promise<string>>> = {
  presence: presencePart,
  requests: requestsPart,
  index: indexPart,
  mixed: mixedPart,
  scale: scalePart,
};

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const options = optionsOf({
  ...{
    parts: Object.keys(PARTS).join(','),
    seconds: '4',
    runs: '3',
    sessions: '500',
    names: '1000000',
    peers: '100000',
    document: 'yes',
  },
});
const seconds = countOf('seconds', options.seconds);
const rounds = countOf('runs', options.runs);
const sessionCount = countOf('sessions', options.sessions);
const names = countOf('names', options.names);
const peers = countOf('peers', options.peers);

async function main(): Promise<void> {
  for (const part of options.parts.split(',')) {
    const measure = PARTS[part];
    if (measure === undefined) throw new RangeError(`--parts knows ${Object.keys(PARTS).join(', ')}, not "${part}"`);
    const text = await sectionOf(measure);
    say(`\n${text}`);
    if (options.document === 'yes') await writeSection(`tracker-${part}`, text);
  }
}

async function sectionOf(measure: (options: PartOptions) => Promise<string>): Promise<string> {
  const load = describeLoad();
  await using dir = await tempDir();
  const generator = await buildGenerator(dir);
  const isScale = measure === scalePart;
  await using tracker = await startBenchTracker(dir, isScale ? 1 : sessionCount, isScale ? crowdAccounts(peers) : {});
  const text = await measure({ dir, generator, tracker, seconds, rounds, sessionCount, names, peers, say });
  const [title = '', ...rest] = text.split('\n\n');
  const about = `${rounds} rounds in turns of ${seconds} s each, ${sessionCount} sessions a generator, medians. ${describeMachine()}. ${load}.`;
  return [title, about, ...rest].join('\n\n');
}

await main();
