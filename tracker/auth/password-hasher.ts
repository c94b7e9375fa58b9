import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { forkProgram } from '../../common/runtime/own-program.js';
import { HashQueue, type Lane } from './hash-queue.js';
import type { HashAnswer, HashJob } from './hasher-main.js';

/** 19 MiB each: more at once would cost memory and both cores without being faster. */
export const MAX_CONCURRENT_HASHES = 2;
const BUSY_RETRY_MS = 1_000;
const NICENESS = 10;
/**
 * The memory of a hash is mapped for it and given back after it. Without this glibc keeps it in an arena for each thread of the pool: 116 MiB
 * after a few logins, for as long as the tracker runs. Other systems do not know the name.
 */
const ENVIRONMENT = { MALLOC_MMAP_THRESHOLD_: String(4 * 2 ** 20) };

/** Makes and checks argon2id hashes in a niced process of its own. */
export interface PasswordHasher extends Part {
  /** @throws {ProtocolError} `busy` when too many wait. */
  hash(password: string): Promise<string>;
  /** @throws {ProtocolError} `busy` when too many wait. */
  verify(password: string, phc: string, lane?: Lane): Promise<boolean>;
  /** What `verify` would answer now, for who can spare himself work before it. @throws {ProtocolError} `busy`. */
  refuseWhenFull(lane: Lane): void;
}

/** Without a lane: of this program itself. */
const OWN: Lane = { source: '' };

type Waiting = { readonly job: HashJob } & PromiseWithResolvers<HashAnswer>;

/** Starts the process at once; a process that died is replaced at the next call. */
export class ChildHasher implements PasswordHasher {
  readonly #queue = new HashQueue<Waiting>();
  readonly #running = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #lastId = 0;
  #isStopped = false;

  constructor() {
    this.#start();
  }

  async hash(password: string): Promise<string> {
    const answer = await this.#ask({ password }, OWN);
    if (!('phc' in answer)) throw unusable(answer);
    return answer.phc;
  }

  async verify(password: string, phc: string, lane: Lane = OWN): Promise<boolean> {
    const answer = await this.#ask({ password, phc }, lane);
    if (!('isRight' in answer)) throw unusable(answer);
    return answer.isRight;
  }

  refuseWhenFull(lane: Lane): void {
    if (!this.#queue.hasRoom(lane)) throw busy();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const child = this.#child;
    this.#failAll();
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL'); // it holds nothing worth a goodbye
    await exited;
  }

  #ask(job: Omit<HashJob, 'id'>, lane: Lane): Promise<HashAnswer> {
    if (this.#isStopped) return Promise.reject(new ProtocolError('shutting-down'));
    this.#lastId += 1;
    const waiting = { job: { ...job, id: this.#lastId }, ...Promise.withResolvers<HashAnswer>() };
    if (!this.#queue.push(lane, waiting, ({ reject }) => reject(busy()))) return Promise.reject(busy());
    this.#send();
    return waiting.promise;
  }

  #send(): void {
    while (this.#running.size < MAX_CONCURRENT_HASHES) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#running.set(next.job.id, next);
      (this.#child ?? this.#start()).send(next.job);
    }
  }

  #start(): ChildProcess {
    const child = forkProgram(new URL('./hasher-main.js', import.meta.url), {
      env: ENVIRONMENT,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', (answer: HashAnswer) => this.#settle(answer));
    child.on('error', () => this.#lose(child));
    child.on('exit', () => this.#lose(child));
    if (child.pid !== undefined) setPriority(child.pid, NICENESS);
    this.#child = child;
    return child;
  }

  #settle(answer: HashAnswer): void {
    const waiting = this.#running.get(answer.id);
    this.#running.delete(answer.id);
    waiting?.resolve(answer);
    this.#send();
  }

  #lose(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#failAll();
  }

  #failAll(): void {
    const failure = this.#isStopped ? new ProtocolError('shutting-down') : busy();
    for (const waiting of this.#running.values()) waiting.reject(failure);
    this.#running.clear();
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next.reject(failure);
  }
}

function busy(): ProtocolError {
  return new ProtocolError('busy', undefined, { retryAfterMs: BUSY_RETRY_MS });
}

function unusable(answer: HashAnswer): Error {
  return new Error(
    `a password hash could not be computed: ${'failure' in answer ? answer.failure : 'unexpected answer'}`,
  );
}
