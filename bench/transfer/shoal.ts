import { utimes } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import type { Peer } from '../../peer/api.js';
import { createDoor } from '../../peer/door/door.js';
import { startPeer } from '../../peer/peer.js';
import { contactTracker } from '../../peer/tracker-client/contact.js';
import { runCli, type ServeHandle, startServe, startTracker, type TrackerHandle } from '../../test/support/program.js';
import { isolatedEnvironment, shoalCommand } from '../../test/support/shoal-command.js';
import { costOf } from '../support/process-cost.js';
import { tool } from '../support/tools.js';
import { CIPHER, type Contender, type Course, type Run } from './contender.js';

const MIB = 2 ** 20;
const PUBLISHER = { user: 'alice', password: 'a password for alice' };
const READER = { user: 'bob', password: 'a password for bob' };
const SEARCHER = { user: 'carol', password: 'a password for carol' };

interface CostOptions {
  readonly data: string;
  readonly servers: readonly number[];
  readonly onStdout?: (text: string) => void;
  readonly prefix?: readonly string[];
}

/** A tracker and a serving peer: real processes of `bin/shoal.js`. */
export class ShoalWorld implements AsyncDisposable {
  private constructor(
    private readonly course: Course,
    private readonly tracker: TrackerHandle,
    private readonly publisher: ServeHandle,
  ) {}

  static async open(course: Course): Promise<ShoalWorld> {
    const { dir } = course;
    const credentials = Object.fromEntries([PUBLISHER, READER, SEARCHER].map(({ user, password }) => [user, password]));
    const tracker = await startTracker({ credentials, data: dir.join('shoal-tracker') });
    const places = { data: dir.join('shoal-a'), downloads: dir.join('shoal-a-downloads') };
    const publisher = await startServe({ tracker, ...PUBLISHER, ...places });
    return new ShoalWorld(course, tracker, publisher);
  }

  /** `shoal get`, a one-shot command: start, login, ticket, transfer, every chunk verified, fsync. */
  async opened(): Promise<Contender> {
    return {
      name: 'shoal get ← shoal serve',
      about: `TLS 1.3, ${CIPHER}, X25519MLKEM768, mutual; every 256 KiB chunk verified by BLAKE3 before it is written; fsync`,
      move: (target) => this.get(target),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  /** `curl` from a link of the serving peer. */
  async openLink(): Promise<Contender> {
    const curl = await tool('curl', 'curl');
    const made = await this.publisher.run(['link', basename(this.course.source)], { json: true });
    const { link } = made.result as unknown as { link: { url: string } };
    const words = ['--silent', '--show-error', '--fail', '--insecure', '--tls13-ciphers', CIPHER];
    return {
      name: 'curl ← shoal link',
      about: `TLS 1.3, ${CIPHER}; verifies nothing`,
      move: (target) => costOf({ command: [curl, ...words, '--output', target, link.url], servers: [this.sourcePid] }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  /** `shoal pub` of a file that must be hashed anew, with the peer that hashes it. */
  async publish(): Promise<Run> {
    await utimes(this.course.source, new Date(), new Date());
    const run = await this.#cost(['pub', this.course.source], PUBLISHER, {
      data: this.publisher.data,
      servers: [this.sourcePid],
    });
    return run;
  }

  /** A running peer of another user, in this process. */
  async openSearcher(): Promise<Peer> {
    const { dir } = this.course;
    const place = { dataDir: dir.join('shoal-c'), downloads: dir.join('shoal-c-downloads') };
    const door = createDoor({ ...place, platform: process.platform, startPeer, contactTracker });
    const signal = new AbortController().signal;
    return door.open({ tracker: this.tracker.address, ...SEARCHER, serving: false, signal });
  }

  /** `shoal id`, offline. */
  async identify(): Promise<Run> {
    return this.#cost(['id', this.course.source], READER, { data: this.course.dir.join('shoal-b'), servers: [] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.publisher[Symbol.asyncDispose]();
    await this.tracker[Symbol.asyncDispose]();
  }

  get sourcePid(): number {
    return this.publisher.process.pid;
  }

  /** One `shoal get`; `prefix` is a command that runs it. */
  async get(target: string, prefix: readonly string[] = []): Promise<Run> {
    const { dir, source, sizeBytes } = this.course;
    let first: { at: number; bytes: number } | undefined;
    let lastAt = 0;
    const onStdout = (text: string): void => {
      lastAt = performance.now();
      const bytes = /"receivedBytes":(\d+)/.exec(text)?.[1];
      if (bytes !== undefined && Number(bytes) > 0) first ??= { at: lastAt, bytes: Number(bytes) };
    };
    const words = [
      'get',
      `@${PUBLISHER.user}/${basename(source)}`,
      '--downloads',
      dirname(target),
      '--as',
      basename(target),
    ];
    const data = dir.join('shoal-b');
    const cost = await this.#cost(words, READER, { data, servers: [this.sourcePid], onStdout, prefix });
    if (first === undefined || lastAt <= first.at) return cost;
    return { ...cost, movingMiBPerSecond: (sizeBytes - first.bytes) / MIB / ((lastAt - first.at) / 1_000) };
  }

  async #cost(
    words: readonly string[],
    { user, password }: typeof READER,
    { data, prefix = [], ...more }: CostOptions,
  ): Promise<Run> {
    const [file = '', ...args] = [...prefix, ...shoalCommand()];
    const place = ['--json', '--tracker', this.tracker.address, '--user', user, '--data', data];
    const env = { ...(await isolatedEnvironment(`${data}-home`)), SHOAL_PASSWORD: password };
    return costOf({ command: [file, ...args, ...words, ...place], env, cwd: this.course.dir.path, ...more });
  }
}

/** The command's own version, for the record. */
export async function shoalVersion(): Promise<string> {
  const { stdout } = await runCli(['--version']);
  return `shoal ${stdout.trim()}`;
}
