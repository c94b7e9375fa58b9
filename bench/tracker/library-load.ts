// What is asked of an index: bulk publishing, single publishing, look-ups, searches, over TCP as peers do it.
import type { RawSession } from '../../test/e2e/raw-session.js';
import { seededBytes } from '../../test/support/temp.js';
import { cpuOfTrees } from '../support/process-cost.js';
import { quantile } from '../support/statistics.js';

const WORDS = (
  'annual report holiday video chapter draft final budget minutes lecture slides backup invoice contract photo album concert ' +
  'archive garden kitchen measurements experiment sequence genome survey interview recording transcript poster thesis appendix map'
).split(' ');
const ENDINGS = ['pdf', 'mp4', 'csv', 'tar.gz', 'docx', 'jpg', 'fastq', 'iso'];
const BULK = 1_000;
/** Bulk requests on their way at once. */
const PIPELINED = 8;

export interface RateResult {
  readonly perSecond: number;
  readonly cpuSecondsPerMillion: number;
  /** Of this process, which asks: below 1 it has waited for the tracker. */
  readonly askerShare: number;
}

export interface LatencyResult {
  readonly what: string;
  readonly rows: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuSecondsPerMillion: number;
}

/** The name of publication `index`; looks like what people share, and each is there once. */
export function nameOf(index: number): string {
  const pick = seededBytes(4, index);
  const word = (at: number): string => WORDS[(pick[at] ?? 0) % WORDS.length] ?? '';
  return `${word(0)} ${word(1)} ${word(2)} ${index.toString(36).padStart(5, '0')}.${ENDINGS[(pick[3] ?? 0) % ENDINGS.length]}`;
}

/** Publishes `count` names from number `first` on in requests of 1,000; every one is durable when it is answered. */
export async function publishInBulk(
  session: RawSession,
  pid: number,
  count: number,
  { first: start = 0, pipelined = PIPELINED }: { readonly first?: number; readonly pipelined?: number } = {},
): Promise<RateResult> {
  let next = start;
  const worker = async (): Promise<void> => {
    while (next < start + count) {
      const first = next;
      next = Math.min(start + count, next + BULK);
      const entries = Array.from({ length: next - first }, (_, index) => entryOf(first + index));
      const id = `bulk${first}`;
      const reply = await session.request('publish', { entries }, { id });
      if (!reply.ok || reply.results.some(({ ok }) => !ok))
        throw new Error(`a bulk publish was refused: ${JSON.stringify(reply).slice(0, 300)}`);
      await session.request('heartbeat', {}, { acks: [id] });
    }
  };
  return rateOf(pid, count, () => Promise.all(Array.from({ length: pipelined }, worker)));
}

/** Sequential searches: what one person waits. */
export async function searchTimes(session: RawSession, pid: number, searches: Searches): Promise<LatencyResult> {
  const times: number[] = [];
  let rows = 0;
  const before = await cpuOfTrees([pid]);
  for (const text of searches.texts) {
    const startedAt = performance.now();
    const reply = await session.request('search', { text });
    times.push(performance.now() - startedAt);
    if (!reply.ok) throw new Error(`a search was refused: ${reply.error.code}`);
    rows += reply.publications.length;
  }
  const cpuSeconds = (await cpuOfTrees([pid])) - before;
  return {
    what: searches.what,
    rows: rows / times.length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    cpuSecondsPerMillion: (cpuSeconds / times.length) * 1e6,
  };
}

export interface Searches {
  readonly what: string;
  readonly texts: readonly string[];
}

/** Rare, common, absent and too short for the index: what a person may type. */
export function searchesFor(names: number, count: number): readonly Searches[] {
  const each = (make: (index: number) => string): readonly string[] =>
    Array.from({ length: count }, (_, index) => make(index));
  return [
    { what: 'one name of all', texts: each((index) => `${((index * 7_919) % names).toString(36).padStart(5, '0')}.`) },
    {
      what: 'two words, some matches',
      texts: each((index) =>
        nameOf((index * 104_729) % names)
          .split(' ')
          .slice(0, 2)
          .join(' '),
      ),
    },
    { what: 'one word, very many matches', texts: each((index) => WORDS[index % WORDS.length] ?? '') },
    { what: 'no match', texts: each((index) => `absent${index}`) },
    { what: 'two letters', texts: each((index) => (WORDS[index % WORDS.length] ?? '').slice(0, 2)) },
  ];
}

function entryOf(index: number): { name: string; fileId: string; size: number; kind: 'file' } {
  return { name: nameOf(index), fileId: index.toString(16).padStart(64, '0'), size: 1_000_000 + index, kind: 'file' };
}

async function rateOf(pid: number, count: number, work: () => Promise<unknown>): Promise<RateResult> {
  const before = { cpu: await cpuOfTrees([pid]), own: process.cpuUsage(), at: performance.now() };
  await work();
  const seconds = (performance.now() - before.at) / 1_000;
  const own = process.cpuUsage(before.own);
  return {
    perSecond: count / seconds,
    cpuSecondsPerMillion: (((await cpuOfTrees([pid])) - before.cpu) / count) * 1e6,
    askerShare: (own.user + own.system) / 1e6 / seconds,
  };
}
