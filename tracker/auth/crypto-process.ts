import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { forkProgram } from '../../common/runtime/own-program.js';
import type { LoginKeys, OpenedLogin } from '../../common/wire/sealed-login.js';
import type { CryptoJob, CryptoResult, HashJob, Numbered } from './crypto-process-main.js';
import { HashQueue, type Lane } from './hash-queue.js';

/** 19 MiB each: more at once would cost memory and both cores without being faster. */
export const MAX_CONCURRENT_HASHES = 2;
const BUSY_RETRY_MS = 1_000;
const NICENESS = 10;
/**
 * The memory of a hash is mapped for it and given back after it. Without this glibc keeps it in an arena for each thread of the pool: 116 MiB
 * after a few logins, for as long as the tracker runs. Other systems do not know the name.
 */
const ENVIRONMENT = { MALLOC_MMAP_THRESHOLD_: String(4 * 2 ** 20) };

/** Makes and checks argon2id hashes. */
export interface PasswordHasher extends Part {
  /** @throws {ProtocolError} `busy` when too many wait. */
  hash(password: string): Promise<string>;
  /** @throws {ProtocolError} `busy` when too many wait. */
  verify(password: string, phc: string, lane?: Lane): Promise<boolean>;
  /** What `verify` would answer now, for who can spare himself work before it. @throws {ProtocolError} `busy`. */
  refuseWhenFull(lane: Lane): void;
}

/** As that of `sealed-login.ts`. @throws {ProtocolError} `busy` when it cannot be told now. */
export type OpenLogin = (datagram: Buffer, keys: LoginKeys) => Promise<OpenedLogin | undefined>;

/** Without a lane: of this program itself. */
const OWN: Lane = { source: '' };

type Waiting = { readonly job: HashJob } & PromiseWithResolvers<CryptoResult>;

/** What is costly about logins, in a niced process of its own. Starts it at once; a process that died is replaced at the next call. */
export class CryptoProcess implements PasswordHasher {
  readonly #queue = new HashQueue<Waiting>();
  readonly #sent = new Map<number, PromiseWithResolvers<CryptoResult>>();
  #hashing = 0;
  #child: ChildProcess | undefined;
  #lastId = 0;
  #isStopped = false;

  constructor() {
    this.#start();
  }

  async hash(password: string): Promise<string> {
    const result = await this.#hash({ password }, OWN);
    if (!('phc' in result)) throw unusable(result);
    return result.phc;
  }

  async verify(password: string, phc: string, lane: Lane = OWN): Promise<boolean> {
    const result = await this.#hash({ password, phc }, lane);
    if (!('isRight' in result)) throw unusable(result);
    return result.isRight;
  }

  refuseWhenFull(lane: Lane): void {
    if (!this.#queue.hasRoom(lane)) throw busy();
  }

  /** The caller sends few at once. */
  readonly openLogin: OpenLogin = async (datagram, keys) => {
    const result = await this.#send({ datagram, ...keys });
    if (!('opened' in result)) throw unusable(result);
    return result.opened;
  };

  async stop(): Promise<void> {
    this.#isStopped = true;
    const child = this.#child;
    this.#failAll();
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL'); // it holds nothing worth a goodbye
    await exited;
  }

  #hash(job: HashJob, lane: Lane): Promise<CryptoResult> {
    if (this.#isStopped) return Promise.reject(new ProtocolError('shutting-down'));
    const waiting = { job, ...Promise.withResolvers<CryptoResult>() };
    if (!this.#queue.push(lane, waiting, ({ reject }) => reject(busy()))) return Promise.reject(busy());
    this.#hashNext();
    return waiting.promise;
  }

  #hashNext(): void {
    while (this.#hashing < MAX_CONCURRENT_HASHES) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#hashing += 1;
      const settled = (): void => {
        this.#hashing -= 1;
        this.#hashNext();
      };
      this.#send(next.job).finally(settled).then(next.resolve, next.reject);
    }
  }

  #send(job: CryptoJob): Promise<CryptoResult> {
    if (this.#isStopped) return Promise.reject(new ProtocolError('shutting-down'));
    this.#lastId += 1;
    const sent = Promise.withResolvers<CryptoResult>();
    this.#sent.set(this.#lastId, sent);
    const child = this.#child ?? this.#start();
    // One that could not be started has no channel, nor has one that is ending: its event fails the job.
    if (child.connected) child.send({ id: this.#lastId, ...job } satisfies Numbered<CryptoJob>);
    return sent.promise;
  }

  #start(): ChildProcess {
    const child = forkProgram(new URL('./crypto-process-main.js', import.meta.url), {
      env: ENVIRONMENT,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', ({ id, ...result }: Numbered<CryptoResult>) => {
      this.#sent.get(id)?.resolve(result);
      this.#sent.delete(id);
    });
    child.on('error', () => this.#lose(child));
    child.on('exit', () => this.#lose(child));
    if (child.pid !== undefined) setPriority(child.pid, NICENESS);
    this.#child = child;
    return child;
  }

  #lose(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#failAll();
  }

  #failAll(): void {
    const failure = this.#isStopped ? new ProtocolError('shutting-down') : busy();
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next.reject(failure);
    for (const sent of this.#sent.values()) sent.reject(failure);
    this.#sent.clear();
  }
}

function busy(): ProtocolError {
  return new ProtocolError('busy', undefined, { retryAfterMs: BUSY_RETRY_MS });
}

function unusable(result: CryptoResult): Error {
  return new Error(
    `a password or login could not be judged: ${'failure' in result ? result.failure : 'unexpected answer'}`,
  );
}
