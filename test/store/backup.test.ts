import { expect } from 'chai';
import { backUp, restoreTo } from '../../tracker/store/backup.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { Store } from '../../tracker/store/store.js';
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
