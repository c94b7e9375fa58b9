import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { Kysely } from 'kysely';
import { LiveSet } from '../../tracker/store/live-set.js';
import type { PathPage } from '../../tracker/store/path-rows.js';
import { nodeSqliteDialect } from '../../tracker/store/sqlite-dialect.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { SearchKey, SearchPage, Store } from '../../tracker/store/store.js';
import { methodsOver } from '../../tracker/store/store-methods.js';
import type { Tables } from '../../tracker/store/tables.js';
import { tempDir } from '../support/temp.js';
import { describeFolders } from './describe-folders.js';
import { describeMutations } from './describe-mutations.js';
import { describeOperations } from './describe-operations.js';
import { describeSearch } from './describe-search.js';
import { describeStore } from './describe-store.js';
import {
  addUsers,
  deviceOf,
  entry,
  fileIdOf,
  mutation,
  namesFound,
  publish,
  query,
  unpublish,
} from './store-samples.js';

const openFresh = async () => {
  const dir = await tempDir();
  const options = { path: dir.join('tracker.sqlite'), isTracker: true };
  let store = await openSqliteStore(options);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openSqliteStore(options);
      return store;
    },
    async close() {
      await store.close();
      await dir[Symbol.asyncDispose]();
    },
  };
};

describeStore('the SQLite store', openFresh);
describeMutations('the SQLite store', openFresh);
describeOperations('the SQLite store', openFresh);
describeFolders('the SQLite store', openFresh);
describeSearch('the SQLite store', openFresh);

/** For some hundred publications beyond the empty schema. */
const ROOM_BYTES = 340_000;

describe('openSqliteStore', () => {
  let cleanUp: AsyncDisposableStack;
  let path: string;
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    path = cleanUp.use(await tempDir()).join('data', 'tracker.sqlite');
  });
  afterEach(() => cleanUp.disposeAsync());

  async function open(more: { isTracker?: boolean; maxBytes?: number } = {}): Promise<Store> {
    return cleanUp.adopt(await openSqliteStore({ path, isTracker: true, ...more }), (store) => store.close());
  }

  const failure = (work: Promise<unknown>) =>
    work.then(
      () => expect.fail('it should fail'),
      (error: Error & { code: string }) => error,
    );

  it('keeps its file to the owner alone', async () => {
    const store = await open();
    await addUsers(store, 'alice');

    for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o077, file).to.equal(0);
  });

  it('refuses a second tracker and says who has it, but lets commands work beside it', async () => {
    const store = await open();

    const refused = await failure(open());
    const beside = await open({ isTracker: false });
    await addUsers(beside, 'carol');

    expect(refused.code).to.equal('locked');
    expect(refused.message).to.match(/is in use by process \d+\. Stop it first/);
    expect((await store.findAccount('carol'))?.user).to.equal('carol');
  });

  it('refuses a store of a newer version', async () => {
    await (await open()).close();
    using database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 99');

    const error = await failure(open());

    expect(error.code).to.equal('newer-schema');
    expect(error.message).to.match(/newer version of shoal/);
  });

  it('refuses a file that is no store', async () => {
    await (await open()).close();
    await writeFile(path, 'this is no database, but a text that is longer than a header of SQLite: '.repeat(20));

    expect((await failure(open())).code).to.equal('corrupt');
  });

  it('answers "storage" when full, changes nothing, goes on reading, and works again once there is room', async () => {
    await (await open()).close();
    const store = await open({ maxBytes: statSync(path).size + ROOM_BYTES });
    await addUsers(store, 'alice');
    const kept: string[] = [];
    let refused: (Error & { code?: string }) | undefined;
    for (let index = 0; refused === undefined; index += 1) {
      const names = Array.from({ length: 100 }, (_, part) => `file number ${index}, part ${part}`);
      refused = await publish(store, { user: 'alice' }, ...names.map((name) => entry(name))).then(
        () => void kept.push(...names),
        (error: Error) => error,
      );
    }

    expect(refused.code).to.equal('storage');
    expect(await store.listPublished({ user: 'alice', limit: 10_000 })).to.have.length(kept.length);
    expect(await namesFound(store, query('number 0, part 19'))).to.deep.equal(['file number 0, part 19']);

    // The newest first: what is not in the index of names yet takes no room to forget.
    const newest = kept.toReversed();
    for (let first = 0; first < newest.length / 2; first += 10)
      await unpublish(store, 'alice', ...newest.slice(first, first + 10));
    const again = await publish(store, { user: 'alice' }, entry('fits now'));
    expect(again.results[0]?.ok).to.equal(true);
  });

  it('waits for another process that has the file locked, loses nothing, and reads meanwhile', async () => {
    const store = await open();
    await addUsers(store, 'alice');
    using other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    let isAcknowledged = false;

    const publishing = publish(store, { user: 'alice' }, entry('late')).then((body) => {
      isAcknowledged = true;
      return body;
    });
    await pause(300); // the length of the lock is what is tested
    expect(await namesFound(store, query('late'))).to.deep.equal([]);
    expect(isAcknowledged).to.equal(false);
    other.exec('COMMIT');

    expect((await publishing).results[0]?.ok).to.equal(true);
  });

  it('gives writes that arrive together one flush, and fails only the one that is wrong', async () => {
    const store = await open();
    await addUsers(store, 'alice');

    const outcomes = await Promise.allSettled([
      publish(store, { user: 'alice' }, entry('a')),
      publish(store, { user: 'nobody' }, entry('b')),
      publish(store, { user: 'alice' }, entry('c')),
    ]);

    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect((await namesFound(store, query(''))).toSorted()).to.deep.equal(['a', 'c']);
  });

  it('finds a live name among many offline ones without looking at all of them', async () => {
    const store = await open();
    await addUsers(store, 'alice', 'bob');
    for (let part = 0; part < 20; part += 1) {
      await publish(
        store,
        { user: 'alice' },
        ...Array.from({ length: 1_000 }, (_, index) => entry(`holiday ${part * 1_000 + index} mp4`)),
      );
    }
    await publish(store, { user: 'bob', at: 1 }, entry('holiday of bob mp4'));
    await store.setLive({ devices: [{ user: 'bob', device: deviceOf('bob'), isLive: true }], publications: [] });

    for (const text of ['', 'mp', 'holiday', 'bob']) {
      const page = await store.search(query(text, { liveOnly: true }));
      expect([page.isPartial, page.next], JSON.stringify(text)).to.deep.equal([false, undefined]);
      expect(page.rows.map(({ name }) => name)).to.deep.equal(['holiday of bob mp4']);
    }
  });

  it('answers "partial" with the place to go on when the budget ends', async () => {
    const store = await open();
    await addUsers(store, 'alice');
    await publish(store, { user: 'alice', at: 1 }, entry('zq'));
    await publish(store, { user: 'alice', at: 2 }, ...Array.from({ length: 600 }, (_, index) => entry(`f${index}`)));
    await store.close();
    using database = new DatabaseSync(path);
    const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(database) });
    const { search } = methodsOver(db, { live: new LiveSet(), searchBudgetMs: 0 });

    const pages: SearchPage[] = [];
    for (let after: SearchKey | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
      const page = await search(query('zq', { after }));
      pages.push(page);
      after = page.next;
    }

    expect(pages.flatMap(({ rows }) => rows.map(({ name }) => name))).to.deep.equal(['zq']);
    expect(pages.length).to.be.greaterThan(1);
    expect(pages.slice(0, -1).every(({ isPartial }) => isPartial)).to.equal(true);
  });

  it('looks for folders among very many files within the time of a search, and goes on where it ended', async () => {
    const store = await open();
    await addUsers(store, 'alice');
    const folder = entry('photos', 'photos', { kind: 'folder', files: 1, listingSize: 10 });
    await publish(store, { user: 'alice', at: 1 }, folder);
    const put = [{ path: 'a/b.txt', size: 1, fileId: fileIdOf('b') }];
    const about = { user: 'alice', publicationId: folder.newId, fileId: folder.fileId, quota: 10 };
    await store.mutate(mutation({ type: 'paths', ...about, start: true, put, drop: [], end: true }));
    for (let at = 2; at < 12; at += 1)
      await publish(store, { user: 'alice', at }, ...Array.from({ length: 900 }, (_, n) => entry(`${at} ${n}`)));
    await store.close();
    using database = new DatabaseSync(path);
    const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(database) });
    const { searchPaths } = methodsOver(db, { live: new LiveSet(), searchBudgetMs: 0 });

    const pages: PathPage[] = [];
    for (let after: PathPage['next'], isFirst = true; isFirst || after !== undefined; isFirst = false) {
      pages.push(
        await searchPaths({ viewer: 'alice', text: 'b', ignoreCase: false, liveOnly: false, limit: 9, after }),
      );
      after = pages.at(-1)?.next;
    }

    expect(pages.flatMap(({ rows }) => rows.map(({ name, path: found }) => `${name}/${found}`))).to.deep.equal([
      'photos/a/b.txt',
    ]);
    expect(pages.slice(0, 2).map(({ isPartial }) => isPartial)).to.deep.equal([true, true]);
  });

  it('tells a name or id that is hidden from none, however short the time is', async () => {
    const store = await open();
    await addUsers(store, 'alice', 'bob');
    await publish(store, { user: 'bob' }, entry('plan.bin'));
    const rights = { type: 'rights', user: 'bob', device: deviceOf('bob'), names: ['plan.bin'] } as const;
    await store.mutate(mutation({ ...rights, rights: { users: [], groups: [] } }));
    await store.close();
    using database = new DatabaseSync(path);
    const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(database) });
    const { search } = methodsOver(db, { live: new LiveSet(), searchBudgetMs: 0 });

    for (const wish of [query('plan.bin', { exact: true }), query('', { idPrefix: fileIdOf('plan.bin') })])
      expect(await search(wish)).to.deep.equal({ rows: [], next: undefined, isPartial: false });
  });

  it('answers what one row tells while it counts for others what somebody hides from them', async () => {
    const store = await open();
    await addUsers(store, 'alice', 'bob');
    const device = deviceOf('alice');
    const entries = Array.from({ length: 1_000 }, (_, index) => entry(`hidden ${index}`));
    const rights = { users: [], groups: [] };
    await store.mutate(mutation({ type: 'publish', user: 'alice', device, entries, quota: 1_000, rights }));
    const done: string[] = [];

    const counts = Array.from({ length: 200 }, async () => {
      expect(await store.countPublications([{ user: 'alice', device }], 'bob')).to.deep.equal([0]);
      done.push('count');
    });
    const risk = store.atRisk({ viewer: 'bob', mine: false, unseenBefore: 0, limit: 10 }).then(() => done.push('risk'));
    await store.findAccount('bob');

    expect(done.length).to.be.below(200);
    await Promise.all([...counts, risk]);
  });

  it('ends its threads when it is closed', async () => {
    const store = await open();
    const found = store.search(query('anything'));
    await store.close();
    await store.close();
    expect((await found).rows).to.deep.equal([]);
    expect((await failure(store.listAccounts())).code).to.equal('closed');
    expect((await failure(store.search(query('anything')))).code).to.equal('closed');
  });
});
