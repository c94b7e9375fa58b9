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

export interface CrowdCounts {
  /** Of each peer: when its last resume was answered, ms on a clock that all threads share; 0: never. */
  readonly resumedAt: readonly number[];
  readonly beatsAnswered: number;
}

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
    for (const worker of this.workers) worker.postMessage('enter');
  }

  async counts(): Promise<CrowdCounts> {
    const all = await Promise.all(
      this.workers.map(async (worker) => {
        const answer = once(worker, 'message');
        worker.postMessage('count');
        return (await answer)[0] as CrowdCounts;
      }),
    );
    return {
      resumedAt: all.flatMap(({ resumedAt }) => resumedAt),
      beatsAnswered: all.reduce((sum, { beatsAnswered }) => sum + beatsAnswered, 0),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.workers.map(async (worker) => {
        const exit = once(worker, 'exit');
        worker.postMessage('close');
        await exit;
      }),
    );
  }
}
