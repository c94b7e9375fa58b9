// The load generator from outside: prepared datagrams in files, one small process a file; see udp-load.c.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { projectRoot } from '../../test/support/shoal-command.js';
import type { TempDir } from '../../test/support/temp.js';
import { cpuOfTrees } from '../support/process-cost.js';
import { tool } from '../support/tools.js';

const run = promisify(execFile);
/** Unanswered datagrams of all generators together: enough to keep a server busy, few enough to fit its receive buffer. */
const WINDOW = 256;

/** What one generator sends. */
export interface Volley {
  readonly localPort: number;
  /** Each datagram behind its length, as `packed` makes them. */
  readonly datagrams: Buffer;
}

export interface LoadOptions {
  readonly port: number;
  readonly pid: number;
  readonly seconds: number;
  readonly volleys: readonly Volley[];
  /** Datagrams that may be sent again: those of a protocol without sequence numbers. */
  readonly isRepeatable: boolean;
  /** Datagrams a second of each generator; default as many as the window lets through. With it answers are timed. */
  readonly rate?: number;
  /** A byte that tells a good answer from others. */
  readonly answer: { readonly offset: number; readonly value: number };
}

export interface LoadResult {
  readonly answersPerSecond: number;
  /** Of the server, with all its threads and children. */
  readonly cpuSecondsPerMillion: number;
  /** Cores' worth of processor time that the server used. */
  readonly serverCores: number;
  /** Share of its time that the busiest generator was on a processor; below 1 it has waited for answers. */
  readonly generatorShare: number;
  readonly lostShare: number;
  /** Of the slowest generator; 0 without a rate. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The last answers, as they came. */
  readonly samples: readonly Buffer[];
}

interface Report {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Compiles the generator. @throws {Missing} without a C compiler. */
export async function buildGenerator(dir: TempDir): Promise<Generator> {
  const compiler = await tool('cc', 'gcc libc6-dev');
  const program = dir.join('udp-load');
  await run(compiler, ['-O2', '-o', program, join(projectRoot(), 'bench', 'tracker', 'udp-load.c')]);
  return new Generator(dir, program);
}

export class Generator {
  constructor(
    private readonly dir: TempDir,
    private readonly program: string,
  ) {}

  /** Sends all volleys at once, each from a process of its own. @throws {Error} when nothing was answered. */
  async fire(options: LoadOptions): Promise<LoadResult> {
    const files = options.volleys.map((_, index) => this.dir.join(`volley-${index}`));
    for (const [index, file] of files.entries()) await writeFile(file, options.volleys[index]?.datagrams ?? '');
    const before = await cpuOfTrees([options.pid]);
    const reports = await Promise.all(files.map((file, index) => this.#one(options, file, index)));
    const cpuSeconds = (await cpuOfTrees([options.pid])) - before;
    const answered = sum(reports.map((report) => report.answered));
    if (answered === 0) throw new Error('the server has answered nothing');
    const seconds = Math.max(...reports.map((report) => report.seconds));
    const samples = await Promise.all(files.map(async (file) => unpacked(await readFile(`${file}.samples`))));
    return {
      answersPerSecond: answered / seconds,
      cpuSecondsPerMillion: (cpuSeconds / answered) * 1e6,
      serverCores: cpuSeconds / seconds,
      generatorShare: Math.max(...reports.map((report) => report.cpuSeconds / report.seconds)),
      lostShare: sum(reports.map(({ lost }) => lost)) / sum(reports.map(({ sent }) => sent)),
      p50Ms: Math.max(...reports.map(({ p50Ms }) => p50Ms)),
      p99Ms: Math.max(...reports.map(({ p99Ms }) => p99Ms)),
      samples: samples.flat(),
    };
  }

  async #one(
    { port, seconds, volleys, isRepeatable, answer, rate = 0 }: LoadOptions,
    file: string,
    index: number,
  ): Promise<Report> {
    const window = Math.floor(WINDOW / volleys.length);
    const words = [
      volleys[index]?.localPort,
      port,
      seconds,
      window,
      file,
      isRepeatable ? 1 : 0,
      answer.offset,
      answer.value,
    ];
    const { stdout } = await run(this.program, [...words.map(String), `${file}.samples`, String(rate)]);
    return JSON.parse(stdout) as Report;
  }
}

/** Datagrams one behind the other, each after its length (u16). */
export function packed(datagrams: Iterable<Uint8Array>): Buffer {
  const parts: Uint8Array[] = [];
  for (const datagram of datagrams) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(datagram.length);
    parts.push(length, datagram);
  }
  return Buffer.concat(parts);
}

function unpacked(bytes: Buffer): Buffer[] {
  const datagrams: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const end = at + 2 + bytes.readUInt16BE(at);
    datagrams.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return datagrams;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
