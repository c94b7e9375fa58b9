/**
 * A small world for end-to-end tests: one tracker, users with folders of their own, real processes. It keeps a ledger of what was
 * published and acknowledged, and ends with the invariants that no fault may break.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import type { Accounts } from '../support/accounts.js';
import { type BothProxy, type BothProxyOptions, startBothProxy } from '../support/faultnet.js';
import {
  type CliOptions,
  type CliResult,
  type RunningProgram,
  runCli,
  type ServeHandle,
  type ServeOptions,
  startProgram,
  startServe,
  startTracker,
  type TrackerHandle,
} from '../support/program.js';
import { sha256File, type TempDir, tempDir, writeRandomFile } from '../support/temp.js';
import { type RawLogin, RawSession } from './raw-session.js';

export interface WorldOptions {
  readonly users?: readonly string[];
  /** Those of them who have admin rights. */
  readonly admins?: readonly string[];
  /** Put files on /dev/shm. */
  readonly ram?: boolean;
  readonly trackerArgs?: readonly string[];
  /** Everybody meets the tracker through a proxy with these faults. */
  readonly proxy?: Omit<BothProxyOptions, 'target'>;
}

/** A folder and a name for everything a user has. */
export interface UserPlace {
  readonly user: string;
  readonly home: string;
  readonly data: string;
  readonly downloads: string;
  readonly files: string;
}

interface PublishedRow {
  readonly name: string;
  readonly fileId: string;
}

/** A crash says so with a stack or with Node's own words. */
const CRASH = /^\s+at .+:\d+:\d+\)?$|unhandled|uncaught|Node\.js v\d/im;

/** The unfinished file of a download, with the name that the finished one gets. */
export const PART_NAME = /^\.(.+)\.[0-9a-f]{16}\.part$/;

/** One for the whole run: compiling the program anew is most of what a short command costs. */
let compiled: Promise<TempDir> | undefined;

/** Environment of every program here: code that one has compiled serves all others of this run. */
export async function sharedEnvironment(): Promise<Readonly<Record<string, string>>> {
  compiled ??= tempDir();
  return { XDG_CACHE_HOME: (await compiled).path };
}

export function passwordOf(user: string): string {
  return `the secret of ${user}`;
}

/** Runs `body` in a new world and looks at the invariants afterwards. */
export function inWorld(options: WorldOptions, body: (world: World) => Promise<void>): () => Promise<void> {
  return async () => {
    await using world = await World.open(options);
    await body(world);
    await world.checkInvariants();
  };
}

export class World implements AsyncDisposable {
  readonly #cleanUp = new AsyncDisposableStack();
  readonly #dir: TempDir;
  readonly #options: WorldOptions;
  /** What each user's publications must be, by what the tracker has acknowledged. */
  readonly #ledger = new Map<string, Map<string, string>>();
  /** SHA-256 of every content that was ever published under a name. */
  readonly #contents = new Map<string, Set<string>>();
  readonly #unfinished = new Set<string>();
  readonly #programs: RunningProgram[] = [];
  #tracker!: TrackerHandle;
  #proxy: BothProxy | undefined;

  private constructor(dir: TempDir, options: WorldOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const dir = await tempDir(options.ram === true ? { ram: true } : {});
    const world = new World(dir, options);
    world.#cleanUp.use(dir);
    try {
      await world.startTracker();
      for (const user of options.admins ?? []) await world.#grant(user);
      if (options.proxy !== undefined) await world.#startProxy(options.proxy);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  get tracker(): TrackerHandle {
    return this.#tracker;
  }

  get proxy(): BothProxy {
    if (this.#proxy === undefined) throw new Error('this world has no proxy');
    return this.#proxy;
  }

  /** Where peers meet the tracker: `HOST:PORT#PIN`. */
  get address(): string {
    const { host, port } = this.#proxy ?? this.#tracker;
    return `${host}:${port}#${this.#tracker.pin}`;
  }

  path(...parts: readonly string[]): string {
    return this.#dir.join(...parts);
  }

  place(user: string): UserPlace {
    const at = (name: string): string => this.#dir.join(user, name);
    return { user, home: at('h'), data: at('d'), downloads: at('downloads'), files: at('files') };
  }

  /** Starts the tracker, again on the same port and data after it was killed. */
  async startTracker(): Promise<void> {
    const users = this.#options.users ?? ['alice', 'bob'];
    const accounts: Accounts = Object.fromEntries(users.map((user) => [user, passwordOf(user)]));
    const again = this.#tracker === undefined ? {} : { port: this.#tracker.port };
    const args = this.#options.trackerArgs ?? [];
    const env = await sharedEnvironment();
    this.#tracker = await startTracker({ data: this.#dir.join('tracker'), credentials: accounts, args, env, ...again });
    this.#cleanUp.use(this.#tracker);
    this.#programs.push(this.#tracker.process);
  }

  async #grant(user: string): Promise<void> {
    const env = await sharedEnvironment();
    const granted = await runCli(['admin', 'grant', user, '--data', this.#dir.join('tracker')], { env });
    expect(granted.code, granted.stderr).to.equal(0);
  }

  async killTracker(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#tracker.process.stop(signal);
  }

  /** A serving peer of `user`, with the user's folders; again after it was killed. */
  async serve(user: string, options: Partial<ServeOptions> = {}): Promise<ServeHandle> {
    const { home, data, downloads } = this.place(user);
    await mkdir(home, { recursive: true });
    const own = { user, password: passwordOf(user), home, data, downloads, tracker: this.address };
    const env = { ...(await sharedEnvironment()), ...options.env };
    const handle = await startServe({ ...own, ...options, env });
    this.#cleanUp.use(handle);
    this.#programs.push(handle.process);
    return handle;
  }

  /** Runs one command of `user` to its end: attached when the user's peer runs, else on its own. */
  async cli(user: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const { home, data, downloads } = this.place(user);
    await mkdir(home, { recursive: true });
    const own = { user, password: passwordOf(user), home, data, downloads, tracker: this.address, json: true };
    const env = { ...(await sharedEnvironment()), ...options.env };
    return runCli(args, { ...own, ...options, env });
  }

  /** What was slow for a test to look at it need not be so any more. */
  async liftUploadLimit(user: string): Promise<void> {
    const done = await this.cli(user, ['limit', '--up', 'none']);
    expect(done.code, done.stderr).to.equal(0);
  }

  /** Starts a command of `user` without waiting for its end. */
  async start(
    user: string,
    args: readonly string[],
    options: { readonly env?: Record<string, string> } = {},
  ): Promise<RunningProgram> {
    const { home, data, downloads } = this.place(user);
    await mkdir(home, { recursive: true });
    const words = [
      ...args,
      '--json',
      '--tracker',
      this.address,
      '--user',
      user,
      '--data',
      data,
      '--downloads',
      downloads,
    ];
    const env = { SHOAL_PASSWORD: passwordOf(user), ...(await sharedEnvironment()), ...options.env };
    const program = this.#cleanUp.use(await startProgram(words, { home, env }));
    this.#programs.push(program);
    return program;
  }

  /** A session of `user` from a device of its own, without a process. The caller closes it. */
  async rawSession(user: string, more: Partial<RawLogin> = {}): Promise<RawSession> {
    const device = await loadOrCreateIdentity(this.#dir.join('raw-device.pem'), { commonName: 'test' });
    return RawSession.open(this.#tracker, { transport: 'tcp', user, password: passwordOf(user), device, ...more });
  }

  /** Writes a file of random-looking bytes into the user's folder. */
  async file(user: string, name: string, size: number, seed = 1): Promise<string> {
    const { files } = this.place(user);
    await mkdir(files, { recursive: true });
    const path = join(files, name);
    await writeRandomFile(path, size, seed);
    return path;
  }

  /** Publishes through the user's running peer and notes it in the ledger. Returns the fileId. */
  async publish(user: string, path: string, more: readonly string[] = []): Promise<string> {
    const done = await this.cli(user, ['pub', path, ...more]);
    expect(done.code, done.stderr).to.equal(0);
    const { outcomes } = done.result as unknown as { outcomes: { publication: PublishedRow }[] };
    const { publication } = outcomes[0]!;
    this.noteContent(publication.name, await sha256File(path));
    this.#rows(user).set(publication.name, publication.fileId);
    return publication.fileId;
  }

  async unpublish(user: string, name: string): Promise<void> {
    const done = await this.cli(user, ['unp', name]);
    expect(done.code, done.stderr).to.equal(0);
    this.#rows(user).delete(name);
  }

  /** The tracker has acknowledged another name. */
  noteRename(user: string, from: string, to: string): void {
    const rows = this.#rows(user);
    rows.set(to, rows.get(from) ?? '');
    rows.delete(from);
    for (const sha256 of this.#contents.get(from) ?? []) this.noteContent(to, sha256);
  }

  /** A content that a download of this name may have. */
  noteContent(name: string, sha256: string): void {
    const known = this.#contents.get(name) ?? new Set();
    this.#contents.set(name, known.add(sha256));
  }

  /** From now on a `.part` of this name may stand in download folders: its last `get` failed or was stopped. */
  mayBeUnfinished(name: string): void {
    this.#unfinished.add(name);
  }

  /** I1 no wrong file, I2 no leftover part, I3 the tracker has what it acknowledged, I4 nothing crashed. */
  async checkInvariants(): Promise<void> {
    for (const user of this.#options.users ?? ['alice', 'bob']) await this.#checkDownloads(this.place(user));
    for (const [user, rows] of this.#ledger) await this.#checkLedger(user, rows);
    for (const program of this.#programs) expect(program.stderrText, 'I4: no crash').not.to.match(CRASH);
  }

  /** Looks at the invariants and ends everything, in any case. */
  async end(): Promise<void> {
    try {
      await this.checkInvariants();
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp.disposeAsync();
  }

  async #startProxy(options: Omit<BothProxyOptions, 'target'>): Promise<void> {
    const { host, port } = this.#tracker;
    this.#proxy = this.#cleanUp.use(await startBothProxy({ ...options, target: { host, port } }));
  }

  #rows(user: string): Map<string, string> {
    const rows = this.#ledger.get(user) ?? new Map<string, string>();
    this.#ledger.set(user, rows);
    return rows;
  }

  async #checkDownloads({ user, downloads }: UserPlace): Promise<void> {
    for (const name of await namesIn(downloads)) {
      const part = PART_NAME.exec(name);
      if (part !== null) {
        expect([...this.#unfinished], `I2: ${user} has a left-over ${name}`).to.include(part[1]);
        continue;
      }
      const known = this.#contents.get(name);
      expect(known, `I1: ${user} has a file that nobody published: ${name}`).not.to.equal(undefined);
      expect([...(known ?? [])], `I1: content of ${user}'s ${name}`).to.include(
        await sha256File(join(downloads, name)),
      );
    }
  }

  async #checkLedger(user: string, rows: ReadonlyMap<string, string>): Promise<void> {
    using session = await this.rawSession(user);
    const listed = await session.request('listPublished', { limit: 1000 });
    const found = listed.ok ? listed.publications.map(({ name, fileId }) => `${name} ${fileId}`).sort() : listed;
    const wanted = [...rows].map(([name, fileId]) => `${name} ${fileId}`).sort();
    expect(found, `I3: what ${user} published`).to.deep.equal(wanted);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
