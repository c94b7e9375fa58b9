// A depot with a real disk, a real hasher and real downloads from real sources; only the tracker is a list of what is wanted.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ContentError } from '../../../common/content/content-error.js';
import type { WorkRow } from '../../../common/protocol/depot-fields.js';
import { systemClock, VirtualClock } from '../../../common/runtime/clock.js';
import { PeerError } from '../../../peer/api.js';
import { Depot } from '../../../peer/depot/depot.js';
import { DepotCopies } from '../../../peer/depot/depot-copies.js';
import { DepotTracker } from '../../../peer/depot/depot-tracker.js';
import { CopyReader } from '../../../peer/depot/read-copy.js';
import type { Downloads } from '../../../peer/download/downloads.js';
import { localFolders } from '../../../peer/folder-parts.js';
import { FolderIndex } from '../../../peer/library/folders/folder-index.js';
import { Folders } from '../../../peer/library/folders/folders.js';
import { FileHasher } from '../../../peer/library/hashing/hash-file.js';
import type { TrackerClient } from '../../../peer/tracker-client/tracker-client.js';
import { type Publication, type TestPeer, World } from '../../download/swarm-fixture.js';

type Request = TrackerClient['request'];

/** What the tracker's store does with copies, without its store. */
export class WantedCopies {
  readonly rows = new Map<string, WorkRow & { held?: string | undefined }>();
  readonly said: string[] = [];
  /** Times that it was asked for work. */
  looks = 0;
  /** It cannot be reached. */
  isAway = false;
  /** Answers what is asked about work. */
  onWork: (() => object) | undefined;

  constructor(private readonly sources: (publicationId: string) => Promise<object>) {}

  want({ publicationId, fileId, size, name }: Publication, more: Partial<WorkRow> = {}): void {
    const held = this.rows.get(publicationId)?.held;
    this.rows.set(publicationId, { publicationId, fileId, size, name, owner: 'alice', do: 'fetch', held, ...more });
  }

  drop({ publicationId }: Publication): void {
    const row = this.rows.get(publicationId);
    if (row !== undefined) this.rows.set(publicationId, { ...row, do: 'drop' });
  }

  isStored({ publicationId, fileId }: Publication): boolean {
    return this.rows.get(publicationId)?.held === fileId;
  }

  readonly request = (async (type: string, body: Record<string, unknown>) => {
    if (this.isAway) throw new PeerError({ code: 'tracker-unreachable', message: 'The tracker does not answer.' });
    if (type === 'work') this.looks += 1;
    if (type === 'work' && this.onWork !== undefined) return this.onWork();
    if (type === 'work')
      return {
        work: [...this.rows.values()].map(shown).filter(({ do: what }) => body['all'] === true || what !== 'keep'),
      };
    if (type === 'sources') return this.sources(String(body['publicationId']));
    if (type === 'stored') this.#stored(body);
    return {};
  }) as unknown as Request;

  #stored({ publicationId, fileId, has }: Record<string, unknown>): void {
    const row = this.rows.get(String(publicationId));
    this.said.push(String(has));
    if (row === undefined) throw new Error('no copy is wanted here');
    if (row.do === 'drop' && has === 'none') this.rows.delete(row.publicationId);
    else if (has !== 'full') row.held = has === 'all' ? String(fileId) : undefined;
  }
}

function shown({ held, ...row }: WorkRow & { held?: string | undefined }): WorkRow {
  return row.do === 'fetch' && held === row.fileId ? { ...row, do: 'keep' } : row;
}

/** Reads as a disk in trouble does: what is set here is thrown once, or as long as the trouble lasts. */
export class TroubledHasher extends FileHasher {
  trouble: string | undefined;
  isLasting = false;
  reads = 0;
  running = 0;

  override async hash(...args: Parameters<FileHasher['hash']>): ReturnType<FileHasher['hash']> {
    this.reads += 1;
    const code = this.trouble;
    if (!this.isLasting) this.trouble = undefined;
    if (code === undefined) {
      this.running += 1;
      return super.hash(...args).finally(() => {
        this.running -= 1;
      });
    }
    const cause = Object.assign(new Error(`${code}: i/o error`), { code });
    throw new ContentError('unreadable', `${args[0]} cannot be read (${code}); check its permissions and its disk`, {
      cause,
    });
  }
}

export class DepotWorld implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly notices: string[] = [];
  readonly options = { signal: AbortSignal.timeout(20_000) };
  readonly hasher = new TroubledHasher({ threads: 1 });
  readonly publications: Publication[] = [];
  readonly tracker: WantedCopies;
  #depot: Depot | undefined;
  #copies: DepotCopies | undefined;
  #downloads: Downloads | undefined;
  #parts: { readonly folders: Folders; readonly index: FolderIndex } | undefined;

  private constructor(readonly world: World) {
    this.tracker = new WantedCopies((publicationId) => this.#sources(publicationId));
  }

  static async open(): Promise<DepotWorld> {
    return new DepotWorld(await World.open());
  }

  get dir(): string {
    return this.world.dir.join('depot');
  }

  get depot(): Depot {
    if (this.#depot === undefined) throw new Error('the depot is not started');
    return this.#depot;
  }

  get copies(): DepotCopies {
    if (this.#copies === undefined) throw new Error('the depot is not started');
    return this.#copies;
  }

  get downloads(): Downloads {
    if (this.#downloads === undefined) throw new Error('the depot is not started');
    return this.#downloads;
  }

  /** Where the copy of a file lies. */
  pathOf({ publicationId, fileId }: Publication): string {
    return join(this.dir, 'files', publicationId, fileId);
  }

  async published(name: string, size: number, seed = 1): Promise<Publication> {
    const publication = await this.world.publish(name, size, { seed });
    this.publications.push(publication);
    return publication;
  }

  async start({ capacity = 1e9 } = {}): Promise<Depot> {
    await mkdir(this.dir, { recursive: true });
    const tracker = new DepotTracker(this.tracker, () => '127.0.0.1');
    const folders = new Folders({ stateDir: this.dir, hasher: this.hasher, clock: systemClock });
    const index = new FolderIndex(this.dir);
    this.#parts = { folders, index };
    const more = { tracker, folders: localFolders(folders, index) };
    const { downloads } = await this.world.downloads('depot', this.publications, more);
    this.#downloads = downloads;
    this.#copies = await DepotCopies.open(this.dir, { folders, index, clock: this.clock });
    const notice = (_level: string, text: string): void => void this.notices.push(text);
    const { clock, copies } = this;
    const reader = new CopyReader({ hasher: this.hasher, folders });
    this.#depot = new Depot({ capacity, copies, reader, downloads, tracker: this.tracker, clock, notice });
    this.#depot.loggedIn();
    return this.#depot;
  }

  /** Long enough for everything to be tried again. */
  async pass(): Promise<void> {
    for (let ms = 0; ms < 120_000; ms += 5_000) {
      this.clock.advance(5_000);
      await new Promise(setImmediate);
    }
  }

  get isFetching(): boolean {
    return this.downloads.rows().some(({ state }) => !['done', 'failed', 'stopped'].includes(state));
  }

  /** Of a stopped depot. */
  async loseRecords(): Promise<void> {
    for (const name of await readdir(this.dir)) if (name.startsWith('depot.sqlite')) await rm(join(this.dir, name));
  }

  /** A source is gone, and the tracker knows it. */
  async leave(peer: TestPeer): Promise<void> {
    await peer.stop();
    for (const offers of this.world.sources.values())
      offers.splice(0, offers.length, ...offers.filter(({ device }) => device !== peer.identity.pin));
  }

  /** The same publication has another content. */
  replace(before: Publication, next: Publication): void {
    this.publications.splice(
      0,
      this.publications.length,
      ...this.publications.filter((one) => one !== before && one.fileId !== next.fileId),
      next,
    );
  }

  async stop(): Promise<void> {
    await this.#depot?.stop();
    this.#depot = undefined;
    await this.#parts?.folders.close();
    await this.#parts?.index.close();
    this.#parts = undefined;
  }

  async #sources(publicationId: string): Promise<object> {
    const publication = this.publications.find((one) => one.publicationId === publicationId);
    if (publication === undefined) throw new Error('the test asked for what was not published');
    const { pin } = await this.world.identity('depot');
    const { fileId, size } = publication;
    const sources = this.world.sources.get(publicationId) ?? [];
    return { publicationId, fileId, size, revision: 1, sources, ticket: this.world.ticketFor(publication, pin) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.hasher.close();
    await this.world[Symbol.asyncDispose]();
  }
}
