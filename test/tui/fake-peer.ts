// A peer and a door without network or disk, scripted by plain data, so that the screen can be tested alone.
import {
  type CallOptions,
  type CommandInput,
  type CommandName,
  type CommandOptions,
  type CommandResult,
  type ConnectionState,
  type HashingRow,
  type Notice,
  type OpenOptions,
  type Peer,
  type PeerDoor,
  PeerError,
  type PeerErrorCode,
  type PeerProblem,
  type PeerState,
  type PublicationRow,
  type TrackerContact,
  type TransferRow,
} from '../../peer/api.js';
import { chooseTransfer } from '../../peer/wording/choose-transfer.js';

export const PIN = `sha256:${'3f'.repeat(32)}`;
export const OTHER_PIN = `sha256:${'c0'.repeat(32)}`;

export interface FakeScript {
  readonly trust?: TrackerContact['trust'];
  readonly password?: string;
  /** The tracker is not there for the first so many tries. */
  readonly unreachableTries?: number;
  readonly attached?: boolean;
  /** What others publish. */
  readonly found?: readonly Partial<PublicationRow>[];
  /** Adds so many rows to what others publish. */
  readonly manyRows?: number;
  readonly mine?: readonly Partial<PublicationRow>[];
  readonly users?: readonly string[];
  /** How long `get` takes, in ms. Default: 1,200. */
  readonly getMs?: number;
  /** How long `pub` takes for a file, in ms. Default: 0. */
  readonly pubMs?: number;
  readonly notices?: readonly string[];
  readonly connection?: ConnectionState;
  /** Commands that fail: word → code and message. */
  readonly failures?: Readonly<Partial<Record<CommandName, PeerProblem>>>;
  /** Commands that never answer until they are stopped. */
  readonly stuck?: readonly CommandName[];
}

export function publication(row: Partial<PublicationRow> = {}): PublicationRow {
  const fileId = row.fileId ?? 'a1b2c3d4e5f60718'.repeat(4);
  return {
    publicationId: `pub-${row.owner ?? 'alice'}-${row.name ?? 'report.pdf'}`,
    name: 'report.pdf',
    owner: 'alice',
    sizeBytes: 1_258_291,
    fileId,
    kind: 'file',
    rights: 'public',
    revision: 1,
    sources: 2,
    publishedAt: 0,
    ...row,
  };
}

export class FakeDoor implements PeerDoor {
  readonly calls: string[] = [];
  peer: FakePeer | undefined;
  #tries = 0;
  #isTrusted = false;

  constructor(private readonly script: FakeScript) {}

  async contact(tracker: string, { signal }: CallOptions): Promise<TrackerContact> {
    this.calls.push(`contact ${tracker}`);
    signal.throwIfAborted();
    if (this.#tries < (this.script.unreachableTries ?? 0)) throw unreachable(tracker);
    const trust = this.#isTrusted ? 'pinned' : (this.script.trust ?? 'pinned');
    return { address: tracker, pin: PIN, trust, ...(trust === 'changed' ? { pinnedBefore: OTHER_PIN } : {}) };
  }

  async trust(tracker: string, pin: string): Promise<void> {
    this.calls.push(`trust ${tracker} ${pin}`);
    this.#isTrusted = true;
  }

  async open({ tracker, user, password, signal, onWaiting }: OpenOptions): Promise<Peer> {
    this.calls.push(`open ${tracker} ${user}`);
    while (this.#tries < (this.script.unreachableTries ?? 0)) {
      this.#tries += 1;
      onWaiting?.({ code: 'tracker-unreachable', message: `Nobody answers at ${tracker}.` });
      await pause(100, signal);
    }
    if (this.script.trust === 'new' && !this.#isTrusted)
      throw new PeerError({ code: 'untrusted-tracker', message: 'Not known.', pin: PIN });
    if (password !== (this.script.password ?? 'secret')) {
      throw new PeerError({ code: 'login-failed', message: 'Check the user and the password, and try again.' });
    }
    this.peer = new FakePeer(this.script, { user, tracker });
    return this.peer;
  }
}

function unreachable(tracker: string): PeerError {
  return new PeerError({ code: 'tracker-unreachable', message: `Nobody answers at ${tracker}.` });
}

export class FakePeer implements Peer {
  readonly calls: { readonly name: CommandName; readonly input: unknown }[] = [];
  readonly attached: boolean;
  closed = 0;
  #state: PeerState;
  readonly #listeners = new Set<(state: PeerState) => void>();
  #mine: PublicationRow[];
  #found: readonly PublicationRow[];

  constructor(
    private readonly script: FakeScript,
    { user, tracker }: { user: string; tracker: string },
  ) {
    this.attached = script.attached ?? false;
    this.#mine = (script.mine ?? []).map((row) => publication({ owner: user, ...row }));
    const many = Array.from({ length: script.manyRows ?? 0 }, (_, index) =>
      publication({ name: `dataset-${String(index).padStart(5, '0')}.csv`, sizeBytes: index * 4_096 }),
    );
    this.#found = [...(script.found ?? []).map(publication), ...many];
    const notices = (script.notices ?? []).map(
      (text, index): Notice => ({ noticeId: index, at: Date.now(), level: 'info', text }),
    );
    this.#state = {
      tracker: { address: tracker, pin: PIN },
      user,
      connection: script.connection ?? { kind: 'online' },
      filePort: { host: '127.0.0.1', port: 40_001, pin: OTHER_PIN },
      receivedBytesPerSecond: 0,
      sentBytesPerSecond: 0,
      downloads: [],
      uploads: [],
      hashing: [],
      storing: [],
      notices,
    };
  }

  state(): PeerState {
    return this.#state;
  }

  onState(listener: (state: PeerState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Changes the state as the network would. */
  change(change: Partial<PeerState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener(this.#state);
  }

  notice(text: string, level: Notice['level'] = 'info'): void {
    this.change({
      notices: [...this.#state.notices, { noticeId: this.#state.notices.length, at: Date.now(), level, text }],
    });
  }

  async call<K extends CommandName>(
    name: K,
    input: CommandInput<K>,
    { signal }: CommandOptions,
  ): Promise<CommandResult<K>> {
    this.calls.push({ name, input });
    signal.throwIfAborted();
    const failure = this.script.failures?.[name];
    if (failure !== undefined) throw new PeerError(failure);
    if (this.script.stuck?.includes(name) === true) await pause(3_600_000, signal);
    return (await this.#answer(name, input, signal)) as CommandResult<K>;
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  async #answer(name: CommandName, input: unknown, signal: AbortSignal): Promise<unknown> {
    switch (name) {
      case 'lpf':
        return { publications: this.#mine };
      case 'lap':
        return {
          users: (this.script.users ?? []).map((user) => ({ user, publications: 3, since: Date.now() - 7_200_000 })),
        };
      case 'sch':
        return this.#search(input as CommandInput<'sch'>);
      case 'pub':
        return { outcomes: await this.#publish(input as CommandInput<'pub'>, signal) };
      case 'unp':
        return { outcomes: this.#unpublish(input as CommandInput<'unp'>) };
      case 'get':
        return this.#get(input as CommandInput<'get'>, signal);
      case 'sources':
        return {
          publication: this.#pick((input as CommandInput<'sources'>).selector),
          sources: [{ user: 'alice', devicePin: PIN, has: 'all', addresses: ['192.168.1.5:40001'] }],
        };
      case 'cancel':
        return this.#cancel((input as CommandInput<'cancel'>).transfer);
      case 'dir':
        return { directory: '/chosen', ...(input as CommandInput<'dir'>) };
      case 'status':
        return this.#state;
      default:
        return {};
    }
  }

  #search({ text, ignoreCase, limit = 100, cursor = '0', mine }: CommandInput<'sch'>): CommandResult<'sch'> {
    const fold = (name: string): string => (ignoreCase === true ? name.toLowerCase() : name);
    const all = [...(mine === true ? this.#mine : []), ...this.#found].filter(({ name }) =>
      fold(name).includes(fold(text)),
    );
    const from = Number(cursor);
    const publications = all.slice(from, from + limit);
    return { publications, partial: false, ...(from + limit < all.length ? { cursor: String(from + limit) } : {}) };
  }

  async #publish({ paths, as }: CommandInput<'pub'>, signal: AbortSignal): Promise<CommandResult<'pub'>['outcomes']> {
    const outcomes: CommandResult<'pub'>['outcomes'][number][] = [];
    for (const path of paths) {
      const name = as ?? path.split('/').at(-1) ?? path;
      if (name.startsWith('missing')) {
        outcomes.push({ ok: false, path, problem: { code: 'unreadable', message: `${name} does not exist.` } });
        continue;
      }
      await this.#hash({ path, doneBytes: 0, sizeBytes: 4_000_000 }, signal);
      const row = publication({ name, owner: this.#state.user });
      this.#mine = [...this.#mine.filter((mine) => mine.name !== name), row];
      outcomes.push({ ok: true, path, publication: row, change: 'new' });
    }
    return outcomes;
  }

  async #hash(row: HashingRow, signal: AbortSignal): Promise<void> {
    const totalMs = this.script.pubMs ?? 0;
    try {
      for (let ms = 0; ms < totalMs; ms += 100) {
        this.change({ hashing: [{ ...row, doneBytes: Math.floor((row.sizeBytes * ms) / totalMs) }] });
        await pause(100, signal);
      }
    } finally {
      this.change({ hashing: [] });
    }
  }

  #unpublish({ selectors }: CommandInput<'unp'>): CommandResult<'unp'>['outcomes'] {
    return selectors.map((selector) => {
      const row = this.#mine.find(({ name }) => name === selector);
      if (row === undefined)
        return {
          ok: false,
          selector,
          problem: { code: 'not-found', message: `You publish nothing called ${selector}.` },
        };
      this.#mine = this.#mine.filter((other) => other !== row);
      return { ok: true, selector, publication: row };
    });
  }

  #pick(selector: string): PublicationRow {
    const fitting = this.#found.filter(({ name, owner }) => selector === name || selector === `@${owner}/${name}`);
    const [first, ...others] = fitting;
    if (first === undefined) throw failure('not-found', `Nothing that you may fetch is called ${selector}.`);
    if (others.length > 0)
      throw new PeerError({ code: 'ambiguous', message: 'Several files have this name.', choices: fitting });
    return first;
  }

  async #get({ selector, directory }: CommandInput<'get'>, signal: AbortSignal): Promise<CommandResult<'get'>> {
    const { name, owner, fileId, sizeBytes } = this.#pick(selector);
    const transferId = `t${this.calls.length}`;
    const totalMs = this.script.getMs ?? 1_200;
    const path = `${directory}/${name}`;
    const rate = (sizeBytes / Math.max(1, totalMs)) * 1_000;
    const source = { user: owner, address: '192.168.1.5:40001', verifiedBytes: 0, bytesPerSecond: rate };
    const rowAt = (ms: number): TransferRow => {
      const doneBytes = Math.floor((sizeBytes * Math.min(ms, totalMs)) / totalMs);
      return {
        transferId,
        name,
        owner,
        fileId,
        sizeBytes,
        path,
        doneBytes,
        receivedBytes: doneBytes,
        resumedBytes: 0,
        bytesPerSecond: rate,
        etaMs: totalMs - ms,
        sources: [{ ...source, state: 'sending', verifiedBytes: doneBytes }],
        state: 'fetching',
      };
    };
    for (let ms = 0; ms < totalMs; ms += 100) {
      this.#putDownload(rowAt(ms), rate);
      await pause(100, signal);
      if (this.#state.downloads.find((row) => row.transferId === transferId)?.state === 'stopped')
        throw failure('interrupted', 'Stopped by cancel.');
    }
    const transfer: TransferRow = { ...rowAt(totalMs), state: 'done' };
    this.#putDownload(transfer, 0);
    return { path, transfer };
  }

  #cancel(wanted: string | undefined): CommandResult<'cancel'> {
    const transferId = chooseTransfer('cancel', wanted, this.#state.downloads);
    const found = this.#state.downloads.find((row) => row.transferId === transferId);
    if (found === undefined) throw failure('not-found', 'No such transfer.');
    const transfer: TransferRow = { ...found, state: 'stopped' };
    this.#putDownload(transfer, 0);
    return { transfer };
  }

  #putDownload(row: TransferRow, receivedBytesPerSecond: number): void {
    const { downloads } = this.#state;
    const isNew = downloads.every(({ transferId }) => transferId !== row.transferId);
    const changed = downloads.map((other) => (other.transferId === row.transferId ? row : other));
    this.change({ downloads: isNew ? [...downloads, row] : changed, receivedBytesPerSecond });
  }
}

function failure(code: PeerErrorCode, message: string): PeerError {
  return new PeerError({ code, message });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
