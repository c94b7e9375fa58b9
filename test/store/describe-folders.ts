import { expect } from 'chai';
import type { PathQuery } from '../../tracker/store/path-rows.js';
import type { Change, Store } from '../../tracker/store/store.js';
import {
  addUsers,
  bodyOf,
  deviceOf,
  entry,
  fileIdOf,
  mutation,
  NOW,
  newId,
  publish,
  unpublish,
} from './store-samples.js';

type PathsChange = Change & { type: 'paths' };

/** What every store promises of files inside folders. */
export function describeFolders(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`${name}: files inside folders`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: Store;
    let folder: string;
    beforeEach(async () => {
      opened = await open();
      ({ store } = opened);
      await addUsers(store, 'alice', 'bob');
      folder = await publishFolder('photos');
    });
    afterEach(() => opened.close());

    async function publishFolder(name: string, content = name, at = NOW): Promise<string> {
      const row = entry(name, content, { kind: 'folder', files: 2, listingSize: 10, replace: true });
      const { results } = await publish(store, { user: 'alice', at }, row);
      return results[0]?.publicationId ?? '';
    }

    async function tell(
      publicationId: string,
      paths: readonly string[],
      more: Partial<PathsChange> = {},
    ): Promise<object> {
      const change: PathsChange = {
        ...{
          type: 'paths',
          user: 'alice',
          publicationId,
          fileId: fileIdOf('photos'),
          start: false,
          end: true,
          quota: 1_000_000,
        },
        put: paths.map((path) => ({ path, size: path.length, fileId: fileIdOf(path) })),
        drop: [],
        ...more,
      };
      return bodyOf(await store.mutate(mutation(change, { session: newId() })));
    }

    async function find(text: string, more: Partial<PathQuery> = {}): Promise<string[]> {
      const found: string[] = [];
      for (let after: PathQuery['after']; ; ) {
        const wanted = { viewer: 'bob', text, ignoreCase: false, liveOnly: false, limit: 2, after, ...more };
        const { rows, next } = await store.searchPaths(wanted);
        found.push(...rows.map(({ name, path }) => `${name}/${path}`));
        if (next === undefined) return found;
        after = next;
      }
    }

    it('are not found, nor is a publication, under a text that no name can be', async () => {
      const owner = { user: 'alice', device: deviceOf('alice'), names: ['a\0b', 'photos'] };
      const nowhere = { depots: [], named: undefined, copies: 1, removal: undefined, quotaBytes: 0 };
      const resultsOf = async (change: Change): Promise<unknown> =>
        (bodyOf(await store.mutate(mutation(change))) as { results: { error?: { code: string } }[] }).results.map(
          ({ error }) => error?.code ?? 'ok',
        );

      expect(await resultsOf({ type: 'rights', ...owner, rights: 'public', terms: undefined })).to.deep.equal([
        'not-found',
        'ok',
      ]);
      expect(await resultsOf({ type: 'put', ...owner, ...nowhere })).to.deep.equal(['not-found', 'no-depot']);
      await tell(folder, ['kept.txt', 'dropped.txt']);
      await tell(folder, [], { drop: ['a\0b', 'dropped.txt'] });
      expect(await find('.txt')).to.deep.equal(['photos/kept.txt']);
      expect(await resultsOf({ type: 'unpublish', ...owner })).to.deep.equal(['not-found', 'ok']);
    });

    it('are found by any part of their path, over pages of any size', async () => {
      await tell(folder, ['2025/beach.jpg', '2026/Beach two.jpg', '2026/x.txt', '2026/beach three.jpg']);

      expect(await find('beach')).to.deep.equal(['photos/2025/beach.jpg', 'photos/2026/beach three.jpg']);
      expect(await find('beach', { ignoreCase: true })).to.have.length(3);
      expect(await find('x.')).to.deep.equal(['photos/2026/x.txt']);
      expect(await find('photos'), 'the name of the folder does not count').to.deep.equal([]);
    });

    it('change with their folder: what is dropped is not found, what is put again has its new size', async () => {
      await tell(folder, ['a.txt', 'b.txt']);
      await tell(folder, ['b.txt', 'c.txt'], { drop: ['a.txt'] });

      const { rows } = await store.searchPaths({
        viewer: 'bob',
        text: '.txt',
        ignoreCase: false,
        liveOnly: false,
        limit: 10,
      });

      expect(rows.map(({ path }) => path)).to.deep.equal(['b.txt', 'c.txt']);
    });

    it('are forgotten by a new start, by unpublish, and with the account', async () => {
      await tell(folder, ['old.txt']);
      await tell(folder, ['new.txt'], { start: true });
      expect(await find('.txt')).to.deep.equal(['photos/new.txt']);

      await unpublish(store, 'alice', 'photos');
      expect(await find('.txt')).to.deep.equal([]);
      while (await store.sweepPaths());
      const again = await publishFolder('photos');
      expect(await find('.txt')).to.deep.equal([]);

      await tell(again, ['last.txt'], { start: true });
      await store.changeAccount('alice', { kind: 'remove' }, NOW);
      expect(await find('.txt')).to.deep.equal([]);
    });

    it('are taken of the present content alone, from the owner alone, and within the quota', async () => {
      expect(await tell(folder, ['a.txt'], { fileId: fileIdOf('other') })).to.deep.equal({ refused: 'changed' });
      expect(await tell(folder, ['a.txt'], { user: 'bob' })).to.deep.equal({ refused: 'not-found' });
      expect(await tell(folder, ['a.txt', 'b.txt'], { quota: 2 })).to.deep.equal({ refused: 'quota' });
      expect(await find('.txt')).to.deep.equal([]);
      expect(await tell(folder, ['a.txt'], { quota: 2 })).to.deep.equal({});
    });

    it('leave nothing behind for the quota of who is removed with them and comes back', async () => {
      await tell(folder, ['a.txt', 'b.txt']);

      await store.changeAccount('alice', { kind: 'remove' }, NOW);
      await store.createAccount({ user: 'alice', passwordHash: 'new', at: NOW });

      const { results } = await publish(store, { user: 'alice', quota: 1 }, entry('one'), entry('two'));
      expect(results.map(({ ok }) => ok)).to.deep.equal([true, false]);
    });

    it('go when what was a folder is told again as a file, after the store was put back to an older day', async () => {
      await tell(folder, ['a.txt']);

      const { results } = await publish(store, { user: 'alice' }, entry('photos', 'other', { publicationId: folder }));

      expect(results[0]?.change).to.equal('replaced');
      expect(await find('a.txt')).to.deep.equal([]);
      expect(await store.findPublication(folder, 'alice')).not.to.have.property('listingSize');
    });

    it('tells at the next publish which content is known, when it is known to its end', async () => {
      const known = async (): Promise<unknown> => {
        const row = entry('photos', 'photos', { kind: 'folder', files: 2, listingSize: 10, replace: true });
        const { results } = await publish(store, { user: 'alice' }, row);
        return (results[0] as { paths?: string }).paths;
      };
      await tell(folder, ['a.txt'], { end: false });
      expect(await known()).to.equal(undefined);

      await tell(folder, ['b.txt'], { end: true });

      expect(await known()).to.equal(fileIdOf('photos'));
    });

    it('are not told to who goes on with a search when their folder has a passcode by now', async () => {
      await tell(folder, ['a.txt', 'b.txt']);
      const wanted = { viewer: 'bob', text: 't', ignoreCase: false, liveOnly: false, limit: 1 };
      const { next } = await store.searchPaths(wanted);
      const terms = { passcodeHash: 'hash' };
      const change = { type: 'rights', user: 'alice', device: deviceOf('alice'), names: ['photos'], terms } as const;

      await store.mutate(mutation(change, { session: newId() }));

      expect((await store.searchPaths({ ...wanted, after: next })).rows).to.deep.equal([]);
    });

    it('are hidden with their folder', async () => {
      await tell(folder, ['a.txt']);
      const rights = { users: [], groups: [] };
      await store.mutate(
        mutation(
          { type: 'rights', user: 'alice', device: deviceOf('alice'), names: ['photos'], rights },
          { session: newId() },
        ),
      );

      expect(await find('a.txt')).to.deep.equal([]);
      expect(await find('a.txt', { viewer: 'alice' })).to.deep.equal(['photos/a.txt']);
    });
  });
}
