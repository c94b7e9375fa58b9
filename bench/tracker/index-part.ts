// An index of many names: publishing in bulk, searching, memory; plocate on the same names as the yardstick.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import type { TempDir } from '../../test/support/temp.js';
import { table } from '../support/document.js';
import { peakOfTrees } from '../support/process-cost.js';
import { quantile } from '../support/statistics.js';
import { Missing, tool } from '../support/tools.js';
import { type LatencyResult, nameOf, publishInBulk, type Searches, searchesFor, searchTimes } from './library-load.js';
import { targetTable } from './rounds.js';
import type { PartOptions } from './shoal-load.js';

const run = promisify(execFile);
const SEARCHES = 500;
/** A process for each: fewer. */
const YARDSTICK_SEARCHES = 40;
const PAGE = 100;
const LINES_AT_ONCE = 10_000;

interface Found extends LatencyResult {
  /** Of the same searches once before, in a tracker that has not compiled what they need yet. */
  readonly firstP99Ms: number;
  /** Upper bound of the tracker's own p99, ms, as its histogram knows it. */
  readonly insideMs: number;
  readonly plocateMs: number | undefined;
}

export async function indexPart(options: PartOptions): Promise<string> {
  const { tracker, names, say } = options;
  const { owner, reader, pid } = tracker;
  const bulk = await publishInBulk(owner, pid, names);
  say(`bulk publish: ${bulk.perSecond.toFixed(0)} entries/s`);
  const plocate = await plocateOf(options);
  const found: Found[] = [];
  for (const searches of searchesFor(names, SEARCHES)) {
    const first = await searchTimes(reader, pid, searches);
    const before = await tracker.metrics();
    const result = await searchTimes(reader, pid, searches);
    const insideMs = p99Between(before, await tracker.metrics());
    found.push({ ...result, firstP99Ms: first.p99Ms, insideMs, plocateMs: await plocate?.(searches) });
    say(`search, ${result.what}: p99 ${result.p99Ms.toFixed(2)} ms, inside ≤ ${insideMs} ms`);
  }
  const peakMb = (await peakOfTrees([pid])) / 1e6;
  return report({ names, bulk, found, peakMb });
}

function report({
  names,
  bulk,
  found,
  peakMb,
}: {
  names: number;
  bulk: Awaited<ReturnType<typeof publishInBulk>>;
  found: readonly Found[];
  peakMb: number;
}): string {
  const count = names.toLocaleString('en');
  const worst = (pick: (each: Found) => number): number => Math.max(...found.map(pick));
  const limits = names > 1_000_000 ? { inside: 10, client: 10 } : { inside: 2, client: 5 };
  return [
    `### Index of ${count} names, over TCP`,
    `Published in requests of 1,000, 8 on their way at once: ${bulk.perSecond.toFixed(0)} entries/s, ${bulk.cpuSecondsPerMillion.toFixed(1)} CPU seconds of the tracker per million, share of the asking process ${bulk.askerShare.toFixed(2)}. Largest resident memory of the tracker with its password hasher: ${peakMb.toFixed(0)} MB.`,
    `Searches one after the other, pages of ${PAGE}, as the client sees them: ${SEARCHES} of a kind, and the same again, of which the times are; p99 of the first ones is said beside them, when the tracker has just been filled and Node has not compiled what they need. The tracker's own time is the bound of its histogram under which 99 % were. plocate: the whole command with \`-l ${PAGE}\`, its start included.`,
    table([
      [
        'search',
        'p50 ms',
        'p99 ms',
        'p99 at first, ms',
        'p99 in the tracker, ms',
        'mean rows',
        'CPU ms each',
        'plocate, p50 ms',
      ],
      ...found.map((each) => [
        each.what,
        each.p50Ms.toFixed(2),
        each.p99Ms.toFixed(2),
        each.firstP99Ms.toFixed(2),
        `≤ ${each.insideMs}`,
        each.rows.toFixed(1),
        (each.cpuSecondsPerMillion / 1_000).toFixed(2),
        each.plocateMs?.toFixed(2) ?? '',
      ]),
    ]),
    targetTable([
      { what: 'publish in bulk, durable', wanted: 50_000, measured: bulk.perSecond, unit: '/s' },
      {
        what: 'worst p99 of a search in the tracker',
        wanted: limits.inside,
        measured: worst((each) => each.insideMs),
        unit: ' ms',
        isAtMost: true,
      },
      {
        what: 'worst p99 of a search at the client',
        wanted: limits.client,
        measured: worst((each) => each.p99Ms),
        unit: ' ms',
        isAtMost: true,
      },
      { what: `peak memory with ${count} publications`, wanted: 1_074, measured: peakMb, unit: ' MB', isAtMost: true },
    ]),
  ].join('\n\n');
}

/** The smallest bound of the histogram under which 99 % of the searches between two looks were, ms. */
function p99Between(before: string, after: string): number {
  const rows = (page: string): [number, number][] =>
    [...page.matchAll(/^shoal_request_seconds_bucket\{type="search",le="([^"]+)"\} (\d+)$/gm)].map(
      ([, bound, count]) => [bound === '+Inf' ? Infinity : Number(bound), Number(count)],
    );
  const start = new Map(rows(before));
  const grown = rows(after).map(([bound, count]) => [bound, count - (start.get(bound) ?? 0)] as const);
  const total = grown.at(-1)?.[1] ?? 0;
  return (grown.find(([, count]) => count >= 0.99 * total)?.[0] ?? NaN) * 1_000;
}

/** In parts: the sessions are kept alive between them. */
function* lines(names: number): Generator<string> {
  for (let first = 0; first < names; first += LINES_AT_ONCE) {
    const count = Math.min(LINES_AT_ONCE, names - first);
    yield Array.from({ length: count }, (_, index) => `${nameOf(first + index)}\n`).join('');
  }
}

async function plocateOf({ dir, names, say }: { dir: TempDir; names: number; say: (text: string) => void }) {
  try {
    const [build, find] = [await tool('plocate-build', 'plocate'), await tool('plocate', 'plocate')];
    const [list, database] = [dir.join('names.txt'), dir.join('names.db')];
    await writeFile(list, lines(names));
    await run(build, ['-p', list, database]);
    return async ({ texts }: Searches): Promise<number> => {
      const times: number[] = [];
      for (const text of texts.slice(0, YARDSTICK_SEARCHES)) {
        const startedAt = performance.now();
        await run(find, ['-d', database, '-l', String(PAGE), text]).catch(() => undefined); // it fails when it finds nothing
        times.push(performance.now() - startedAt);
      }
      return quantile(times, 0.5);
    };
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    say(error.message);
    return undefined;
  }
}
