import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { checkStore, repairStore } from '../../tracker/store/check-store.js';
import { searchFold } from '../../tracker/store/search-fold.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { Change, PublishEntry, SearchQuery, Store } from '../../tracker/store/store.js';
import { integerBetween, type Random, randomFrom, seedFor } from '../support/seed.js';
import { tempDir } from '../support/temp.js';
import {
  addUsers,
  deviceOf,
  entry,
  mutation,
  NOW,
  newId,
  publish,
  query,
  searchAll,
  unpublish,
} from './store-samples.js';

const SYLLABLES = ['ra', 'Re', 'ri', 'ßo', 'σu', '😀', ' ', '-', '"', 'nn'];
/** More than wait outside the index. */
const MANY = 700;

function nameFrom(random: Random, index: number): string {
  const part = (): string => SYLLABLES[integerBetween(random, 0, SYLLABLES.length - 1)] ?? '';
  return `${part()}${part()}${part()}${part()}${index.toString(36)}`;
}

/** What a tracker does to one user's library; the model is a list, oldest first. */
class Library {
  readonly rows: { name: string; publicationId: string }[] = [];
  #at = NOW;

  constructor(
    readonly store: () => Store,
    private readonly random: Random,
  ) {}

  async add(count: number): Promise<void> {
    const entries = Array.from({ length: count }, () => entry(nameFrom(this.random, (this.#at += 1))));
    await this.#publish(...entries);
    for (const { name, newId: publicationId } of entries) this.rows.push({ name, publicationId });
  }

  async replace(): Promise<void> {
    const row = this.#any();
    await this.#publish(entry(row.name, `content at ${this.#at}`, { replace: true }));
    this.rows.push(...this.rows.splice(this.rows.indexOf(row), 1));
  }

  async rename(): Promise<void> {
    const row = this.#any();
    row.name = nameFrom(this.random, (this.#at += 1));
    const entries = [{ publicationId: row.publicationId, name: row.name }];
    await this.#change({ type: 'rename', user: 'alice', device: deviceOf('alice'), entries });
  }

  async remove(which = integerBetween(this.random, 0, this.rows.length - 1)): Promise<void> {
    const [row] = this.rows.splice(which, 1);
    await unpublish(this.store(), 'alice', row?.name ?? '');
  }

  /** Any part of any name that is or was there, and some that never was. */
  text(): string {
    const letters = [...nameFrom(this.random, integerBetween(this.random, 0, 99_999)), ...this.#any().name];
    const first = integerBetween(this.random, 0, letters.length - 4);
    return letters.slice(first, first + integerBetween(this.random, 3, 6)).join('');
  }

  expected({ text, ignoreCase, order }: SearchQuery): string[] {
    const form = ignoreCase ? searchFold : (name: string): string => name;
    const names = this.rows.map(({ name }) => name).filter((name) => form(name).includes(form(text)));
    return order === 'oldest' ? names : names.reverse();
  }

  async #publish(...entries: readonly PublishEntry[]): Promise<void> {
    this.#at += 1;
    const { results } = await publish(this.store(), { user: 'alice', at: this.#at }, ...entries);
    expect(results.every(({ ok }) => ok)).to.equal(true);
  }

  async #change(change: Change): Promise<void> {
    await this.store().mutate(mutation(change, { session: newId() }));
  }

  #any(): { name: string; publicationId: string } {
    return this.rows[integerBetween(this.random, 0, this.rows.length - 1)]!;
  }
}

describe('the index of names in SQLite', () => {
  let cleanUp: AsyncDisposableStack;
  let path: string;
  let store: Store;
  let library: Library;
  let random: Random;
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    path = cleanUp.use(await tempDir()).join('tracker.sqlite');
    await open();
    await addUsers(store, 'alice');
    random = randomFrom(seedFor('the index of names'));
    library = new Library(() => store, random);
    await library.add(MANY);
  });
  afterEach(async () => {
    await store.close();
    await cleanUp.disposeAsync();
  });

  async function open(): Promise<void> {
    store = await openSqliteStore({ path, isTracker: true });
  }

  async function reopenWith(change: (path: string) => void): Promise<void> {
    await store.close();
    change(path);
    await open();
  }

  async function expectAllFound(): Promise<void> {
    for (let round = 0; round < 24; round += 1) {
      const limit = integerBetween(random, 1, 400);
      const order = round % 3 === 0 ? 'oldest' : 'newest';
      const wanted = query(library.text(), { ignoreCase: random() < 0.5, order, limit });
      expect(await searchAll(store, wanted), JSON.stringify(wanted)).to.deep.equal(library.expected(wanted));
    }
  }

  it('finds what a plain look finds, in the same order, whatever was renamed, replaced, removed and added', async () => {
    for (const _ of Array.from({ length: 3 })) {
      for (const _ of Array.from({ length: 8 })) {
        await library.rename();
        await library.replace();
        await library.remove();
      }
      await expectAllFound();
      await library.add(integerBetween(random, 1, MANY));
    }
    await reopenWith((file) => expect(checkStore(file, false, NOW).problems).to.deep.equal([]));
    await expectAllFound();
  });

  it('finds what took the place of the newest rows after these were removed', async () => {
    for (const _ of Array.from({ length: 5 })) await library.remove(library.rows.length - 1);
    await library.add(5);

    for (const { name } of library.rows.slice(-5)) expect(await searchAll(store, query(name))).to.deep.equal([name]);
  });

  it('is found to be wrong by a check, and made anew by a repair', async () => {
    const [wanted = ''] = library.rows.map(({ name }) => name);
    const forgetAll = `INSERT INTO publications_trigrams (publications_trigrams) VALUES ('delete-all')`;

    await reopenWith((file) => {
      using database = new DatabaseSync(file);
      database.exec(forgetAll);
      database.close();
      expect(checkStore(file, true, NOW).problems.join()).to.contain('the index of names does not fit them');
      repairStore(file, '.damaged', NOW);
      expect(checkStore(file, false, NOW).problems).to.deep.equal([]);
    });

    expect(await searchAll(store, query(wanted))).to.deep.equal([wanted]);
  });

  it('lists what is published after the clock was set back as the newest', async () => {
    await publish(store, { user: 'alice', at: NOW - 3_600_000 }, entry('one more'), entry('and another'));

    const { rows } = await store.search(query('', { limit: 2 }));

    expect(rows.map(({ name }) => name)).to.deep.equal(['and another', 'one more']);
    expect(rows.every(({ publishedAt }) => publishedAt >= NOW)).to.equal(true);
  });

  describe('after a tracker has published with its clock ten years ahead', () => {
    const FAR = NOW + 10 * 365 * 86_400_000;
    const NAMES = ['far 3', 'far 2', 'far 1'];
    const newest = async (limit: number) => (await store.search(query('', { limit }))).rows;
    beforeEach(async () => {
      for (const name of ['far 1', 'far 2', 'far 3']) await publish(store, { user: 'alice', at: FAR }, entry(name));
      await publish(store, { user: 'alice', at: FAR }, entry('far 3', 'other', { replace: true }));
    });

    async function openAt(now: number): Promise<string[]> {
      const notices: string[] = [];
      await store.close();
      store = await openSqliteStore({ path, isTracker: true, now, onNotice: (notice) => notices.push(notice) });
      return notices;
    }

    async function repairAt(now: number): Promise<number> {
      await store.close();
      const late = repairStore(path, '.before', now);
      store = await openSqliteStore({ path, isTracker: true });
      return late;
    }

    it('tells of it at each start, and changes nothing unasked: it may be the clock of now that is wrong', async () => {
      expect((await openAt(NOW)).join())
        .to.contain('which has not come yet')
        .and.to.contain('tracker check --repair');
      expect(await openAt(FAR - 59_000)).to.deep.equal([]);

      expect((await newest(1))[0]?.publishedAt).to.be.at.least(FAR);
    });

    it('brings these times back when it is repaired, in the same order', async () => {
      const now = NOW + 3_600_000;

      expect(await repairAt(now)).to.equal(3);
      await publish(store, { user: 'alice', at: now + 1 }, entry('later'));

      const rows = await newest(5);
      expect(rows.map(({ name }) => name).slice(0, 4)).to.deep.equal(['later', ...NAMES]);
      expect(rows.map(({ publishedAt }) => publishedAt - now).slice(0, 4)).to.deep.equal([1, 0, -1, -2]);
      expect(await searchAll(store, query('far', { order: 'oldest' }))).to.deep.equal(NAMES.toReversed());
    });

    it('leaves them behind what was published before, also when that was just now', async () => {
      const [before] = (await newest(4)).slice(-1);

      await repairAt(before!.publishedAt);

      const rows = await newest(4);
      expect(rows.map(({ name }) => name).slice(0, 3)).to.deep.equal(NAMES);
      expect(rows.map(({ publishedAt }) => publishedAt - before!.publishedAt)).to.deep.equal([3, 2, 1, 0]);
    });

    it('is left as it is by a repair with a clock that stands in another age', async () => {
      expect(await repairAt(1_000)).to.equal(0);

      expect((await newest(1))[0]?.publishedAt).to.be.at.least(FAR);
    });

    it('asks again for a passcode that was given then', async () => {
      const [row] = await newest(1);
      const terms = { passcodeHash: 'hash' };
      const { user, device } = { user: 'bob', device: deviceOf('bob') };
      await addUsers(store, user);
      const change = { type: 'rights', user: 'alice', device: deviceOf('alice'), names: ['far 3'], terms } as const;
      await store.mutate(mutation(change, { session: newId(), at: FAR }));
      const ticket = { ...row!, user, device, at: FAR };
      expect(await store.admit(ticket, { provenHash: 'hash' })).to.equal('admitted');
      const now = NOW + 3_600_000;

      await repairAt(now);
      await store.expire(now + 86_400_000);

      expect(await store.admit({ ...ticket, at: now + 86_400_001 }, { provenHash: undefined })).to.equal(
        'passcode-needed',
      );
    });
  });
});
