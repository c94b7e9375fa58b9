import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { checkStore } from '../../tracker/store/check-store.js';
import { migrate } from '../../tracker/store/migrations.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import { tempDir } from '../support/temp.js';
import { addUsers, deviceOf, entry, fileIdOf, NOW, newId, publish, query, searchAll } from './store-samples.js';

/** The last schema in which rows were numbered as they came. */
const BEFORE = 10;
const [IDS, NAMES] = [
  [newId(), newId(), newId()],
  ['Newest of all', 'oldest of all', 'hidden'],
] as const;

describe('a store whose rows are numbered as they came', () => {
  it('is brought up to date with all that belongs to each row', async () => {
    await using dir = await tempDir();
    const path = dir.join('tracker.sqlite');
    makeOld(path);

    const store = await openSqliteStore({ path, isTracker: true });

    const seenBy = (viewer: string, text = ''): Promise<string[]> => searchAll(store, query(text, { viewer }));
    expect(await seenBy('alice')).to.deep.equal([NAMES[0], NAMES[2], NAMES[1]]);
    expect(await seenBy('bob')).to.deep.equal([NAMES[0], NAMES[2], NAMES[1]]);
    expect(await seenBy('carol')).to.deep.equal([NAMES[0], NAMES[1]]);
    expect(await seenBy('bob', 'of all')).to.deep.equal([NAMES[0], NAMES[1]]);
    const ticket = { publicationId: IDS[1], fileId: fileIdOf('1'), size: 1, user: 'bob', device: deviceOf('bob') };
    expect(await store.admit({ ...ticket, at: NOW }, { provenHash: undefined })).to.equal('admitted');
    const carols = { ...ticket, user: 'carol', device: deviceOf('carol'), at: NOW };
    expect(await store.admit(carols, { provenHash: undefined })).to.equal('passcode-needed');
    await addUsers(store, 'dave');
    await publish(store, { user: 'alice' }, entry(NAMES[1], 'other content', { replace: true }));
    expect(await seenBy('bob', 'of all')).to.deep.equal([NAMES[1], NAMES[0]]);
    expect(await store.admit({ ...ticket, at: NOW }, { provenHash: undefined })).to.equal('admitted');
    await store.close();
    expect(checkStore(path, false, Date.now()).problems).to.deep.equal([]);
  });
});

/** Alice's rows, the newest first; bob may fetch the hidden one, and has given the passcode of the oldest. */
function makeOld(path: string): void {
  using database = new DatabaseSync(path);
  migrate(database, BEFORE);
  for (const [index, user] of ['alice', 'bob', 'carol'].entries())
    database
      .prepare(
        `INSERT INTO accounts (id, user, user_fold, password_hash, state, generation, publications, created_at)
        VALUES (?, ?, ?, 'hash', 'active', 1, ?, 0)`,
      )
      .run(index + 1, user, user, index === 0 ? NAMES.length : 0);
  database
    .prepare('INSERT INTO devices (id, account_id, pin, revision, publications) VALUES (1, 1, ?, 3, 3)')
    .run(deviceOf('alice'));
  const times = [NOW - 1, NOW - 9, NOW - 5];
  for (const [index, name] of NAMES.entries())
    database
      .prepare(
        `INSERT INTO publications (row_id, publication_id, account_id, device_id, name, fold, file_id, size, kind, revision,
        published_at, is_public, passcode_hash) VALUES (?, ?, 1, 1, ?, ?, ?, 1, 'file', 1, ?, ?, ?)`,
      )
      .run(
        ...[index + 10, IDS[index] ?? '', name, name.toLowerCase(), fileIdOf(String(index)), times[index] ?? 0],
        ...[name === 'hidden' ? 0 : 1, index === 1 ? 'passcode' : null],
      );
  database.exec(`INSERT INTO publication_users (row_id, account_id) VALUES (12, 2);
    INSERT INTO unlocks (row_id, account_id, at) VALUES (11, 2, ${NOW - 2})`);
}
