// Loads in turns, each from one generator and from two, and the tables of what came out.
import { table } from '../support/document.js';
import { median, medianRatio } from '../support/statistics.js';
import type { LoadResult } from './load.js';

/** One server under one kind of load, by one or two generators. */
export interface Load {
  readonly name: string;
  fire(generators: number): Promise<LoadResult>;
}

export interface Measured {
  readonly name: string;
  readonly one: LoadResult[];
  readonly two: LoadResult[];
}

type Field = Exclude<keyof LoadResult, 'samples'>;

/** With one generator and with two: if two get more answers, one was the bottleneck. The first, unmeasured one warms the server up. */
export async function measure(
  loads: readonly Load[],
  { rounds, say }: { readonly rounds: number; readonly say: (text: string) => void },
): Promise<Measured[]> {
  const results = loads.map(({ name }) => ({ name, one: [] as LoadResult[], two: [] as LoadResult[] }));
  for (const load of loads) await load.fire(1);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, load] of loads.entries()) {
      const [one, two] = [await load.fire(1), await load.fire(2)];
      results[index]?.one.push(one);
      results[index]?.two.push(two);
      const rates = [one, two].map(({ answersPerSecond }) => answersPerSecond.toFixed(0));
      say(`${round + 1}/${rounds} ${load.name}: ${rates[0]}/s, two generators ${rates[1]}/s`);
    }
  }
  return results;
}

/** Of all runs, whichever number of generators. */
export function cpuOf({ one, two }: Measured): number[] {
  return [...one, ...two].map((each) => each.cpuSecondsPerMillion);
}

export function rateOf({ one, two }: Measured): number[] {
  return [...one, ...two].map((each) => each.answersPerSecond);
}

export function loadTable(results: readonly Measured[]): string {
  const of = (loads: readonly LoadResult[], field: Field): number => median(loads.map((each) => each[field]));
  return table([
    [
      '',
      'answers/s',
      'with two generators',
      'CPU s per million',
      'cores of the server',
      'share of a generator',
      'lost',
    ],
    ...results.map((each) => [
      each.name,
      of(each.one, 'answersPerSecond').toFixed(0),
      of(each.two, 'answersPerSecond').toFixed(0),
      median(cpuOf(each)).toFixed(1),
      of(each.one, 'serverCores').toFixed(2),
      of(each.one, 'generatorShare').toFixed(2),
      `${(of(each.one, 'lostShare') * 100).toFixed(2)} %`,
    ]),
  ]);
}

export function ratioTable([mine, ...others]: readonly Measured[]): string {
  if (mine === undefined || others.length === 0) return '';
  return table([
    ['shoal against', 'answers/s', 'answers per CPU second'],
    ...others.map((other) => [
      other.name,
      medianRatio(rateOf(mine), rateOf(other)).toFixed(2),
      medianRatio(cpuOf(other), cpuOf(mine)).toFixed(2),
    ]),
  ]);
}

/** What is wanted beside what was measured. */
export function targetTable(rows: readonly Target[]): string {
  return table([
    ['', 'wanted', 'measured', 'reached'],
    ...rows.map(({ what, wanted, unit = '', isAtMost = false, measured }) => [
      what,
      `${isAtMost ? '≤' : '≥'} ${wanted.toLocaleString('en')}${unit}`,
      `${measured.toLocaleString('en', { maximumFractionDigits: measured < 100 ? 2 : 0 })}${unit}`,
      (isAtMost ? measured <= wanted : measured >= wanted) ? 'yes' : 'no',
    ]),
  ]);
}

export interface Target {
  readonly what: string;
  readonly wanted: number;
  readonly measured: number;
  readonly unit?: string;
  readonly isAtMost?: boolean;
}
