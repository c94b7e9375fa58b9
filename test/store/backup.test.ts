import { mkdir, readdir } from 'node:fs/promises';
import { expect } from 'chai';
import { backUp, restoreTo } from '../../tracker/store/backup.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { Store } from '../../tracker/store/store.js';
import { StoreError } from '../../tracker/store/store-error.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { addUsers, NOW } from './store-samples.js';

describe('a store that was put back to an older day', () => {
  let cleanUp: AsyncDisposableStack;
  let dir: TempDir;
  let store: Store;
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    dir = cleanUp.use(await tempDir());
    await open('first');
    await addUsers(store, 'alice', 'bob');
    await backUp(dir.join('first'), dir.join('backup'), { files: [], isBeside: true });
  });
  afterEach(async () => {
    await store.close();
    await cleanUp.disposeAsync();
  });

  async function open(name: string): Promise<void> {
    store = await openSqliteStore({ path: dir.join(name), isTracker: true });
  }

  async function restore(name: string, at: number, endSessions = false): Promise<void> {
    await store.close();
    await restoreTo(dir.join(name), dir.join('backup'), { at, endSessions });
    await open(name);
  }

  const epoch = async (): Promise<number> => (await store.revocations(0, 1)).epoch;
  const changePassword = async (user = 'alice'): Promise<number> =>
    (await store.changeAccount(user, { kind: 'password', passwordHash: 'new' }, NOW))?.generation ?? 0;

  it('numbers revocations beyond all that peers have seen, also when the same backup is restored again', async () => {
    for (let count = 0; count < 3; count += 1) await changePassword();
    const seen = [await epoch()];
    for (const [index, name] of ['second', 'third'].entries()) {
      await restore(name, NOW + index * 3_600_000);
      seen.push(await epoch());
      for (let count = 0; count < 3; count += 1) await changePassword();
      seen.push(await epoch());
    }

    expect(seen).to.deep.equal([...new Set(seen)].toSorted((a, b) => a - b));
  });

  it('takes no session up again that was ended by a password since, when the next one comes', async () => {
    expect((await store.findAccount('alice'))?.generation).to.equal(1);
    const stolen = await changePassword();
    await changePassword();

    await restore('second', NOW);

    expect((await store.findAccount('alice'))?.generation, 'who was there then comes back without one').to.equal(1);
    expect(await changePassword()).to.be.above(stolen);
  });

  it('takes no session up again at all when all were to end, whichever password was new in whichever past', async () => {
    const generations = [1, await changePassword()];
    for (const [index, name] of ['second', 'third'].entries()) {
      await restore(name, NOW + index * 3_600_000, true);
      for (const user of ['alice', 'bob'])
        expect((await store.findAccount(user))?.generation, user).to.be.above(Math.max(...generations));
      generations.push((await store.findAccount('alice'))?.generation ?? 0, await changePassword());
    }

    expect(generations).to.deep.equal([...new Set(generations)].toSorted((a, b) => a - b));
  });
});

describe('a backup in the place of another', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it('is never beside a sum of other bytes: where it cannot be put, nothing of it stays', async () => {
    const store = await openSqliteStore({ path: dir.join('store'), isTracker: true });
    await addUsers(store, 'alice');
    await mkdir(dir.join('taken')); // as if a rename failed on the way
    const make = (name: string) => backUp(dir.join('store'), dir.join(name), { files: [], isBeside: true });

    await make('backup');
    await make('backup');
    const failure = await make('taken').catch((error: unknown) => error);
    await store.close();

    expect(failure).to.be.instanceOf(StoreError).with.property('message').that.contains('taken cannot be written');
    expect((await readdir(dir.path)).filter((name) => name.startsWith('taken'))).to.deep.equal(['taken']);
    await restoreTo(dir.join('again'), dir.join('backup'), { at: NOW });
    expect(await readdir(dir.path)).to.include.members(['again', 'backup', 'backup.sha256']);
  });
});
