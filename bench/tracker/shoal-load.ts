// Requests of many sessions over UDP, as a load for `measure`.
import type { TempDir } from '../../test/support/temp.js';
import type { BenchTracker } from './bench-tracker.js';
import type { Generator } from './load.js';
import type { Load } from './rounds.js';

/** The kind of a tracker's sealed datagram. */
export const SHOAL_ANSWER = { offset: 1, value: 0x84 } as const;

/** What every part of the benchmark gets. */
export interface PartOptions {
  readonly dir: TempDir;
  readonly generator: Generator;
  readonly tracker: BenchTracker;
  readonly seconds: number;
  readonly rounds: number;
  readonly sessionCount: number;
  readonly names: number;
  /** Sessions of `--parts scale`. */
  readonly peers: number;
  readonly say: (text: string) => void;
}

interface ShoalLoadOptions extends PartOptions {
  readonly name: string;
  /** Prepared for each second: more than the tracker can answer. */
  readonly perSecond: number;
  /** What one session sends in its turns, in the given volley. */
  readonly request: (volley: number) => (turn: number) => object;
}

export function shoalLoad({ name, generator, tracker, seconds, perSecond, request }: ShoalLoadOptions): Load {
  let fired = 0;
  return {
    name,
    fire: async (generators) => {
      fired += 1;
      const used = tracker.groups.slice(0, generators);
      const volleys = used.map((group) => group.volley((perSecond * seconds) / generators, request(fired)));
      const { port } = tracker.handle;
      const load = { port, pid: tracker.pid, seconds, volleys, isRepeatable: false, answer: SHOAL_ANSWER };
      const result = await generator.fire(load);
      for (const group of used) group.check(result.samples);
      return result;
    },
  };
}
