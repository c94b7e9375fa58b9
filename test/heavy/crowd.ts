/** Simulated peers by the thousand, in threads of their own; what one of them does is in `crowd-worker.ts`. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

export interface CrowdData {
  readonly host: string;
  readonly port: number;
  /** base64url. */
  readonly sealKey: string;
  readonly users: readonly string[];
  /** Each peer has the next one of 127.1.0.0 and above. */
  readonly firstAddress: number;
  /** Between two peers that enter for the first time. */
  readonly everyMs: number;
}

/** Few numbers, as they are asked for while the tracker is to have the processor. */
export interface CrowdCounts {
  /** Peers whose last resume was answered after the time that was named. */
  readonly resumed: number;
  readonly beatsAnswered: number;
}

/** What its threads are told; times are ms on a clock that all threads share. */
export type CrowdWord = 'enter' | 'close' | 'times' | { readonly countSince: number };

const THREADS = 2;

export class Crowd implements AsyncDisposable {
  private constructor(private readonly workers: readonly Worker[]) {}

  /** Peers that have a resume token made with the seal key of the tracker at `data`, and do nothing yet. */
  static start(
    { host, port, data }: { readonly host: string; readonly port: number; readonly data: string },
    users: readonly string[],
    perSecond: number,
  ): Crowd {
    const sealKey = readFileSync(join(data, 'seal.key'), 'utf8').trim();
    const each = Math.ceil(users.length / THREADS);
    const workers = Array.from({ length: THREADS }, (_, index) => {
      const workerData: CrowdData = {
        host,
        port,
        sealKey,
        users: users.slice(index * each, (index + 1) * each),
        firstAddress: 256 + index * each,
        everyMs: (1_000 * THREADS) / perSecond,
      };
      return new Worker(new URL('./crowd-worker.js', import.meta.url), { workerData });
    });
    return new Crowd(workers);
  }

  enter(): void {
    for (const worker of this.workers) worker.postMessage('enter' satisfies CrowdWord);
  }

  async counts(since = 0): Promise<CrowdCounts> {
    const all = await this.#ask<CrowdCounts>({ countSince: since });
    return {
      resumed: all.reduce((sum, { resumed }) => sum + resumed, 0),
      beatsAnswered: all.reduce((sum, { beatsAnswered }) => sum + beatsAnswered, 0),
    };
  }

  /** Of each peer: when its last resume was answered; 0: never. */
  async resumeTimes(): Promise<number[]> {
    return (await this.#ask<number[]>('times')).flat();
  }

  #ask<T>(word: CrowdWord): Promise<T[]> {
    return Promise.all(
      this.workers.map(async (worker) => {
        const answer = once(worker, 'message');
        worker.postMessage(word);
        return (await answer)[0] as T;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.workers.map(async (worker) => {
        const exit = once(worker, 'exit');
        worker.postMessage('close' satisfies CrowdWord);
        await exit;
      }),
    );
  }
}
