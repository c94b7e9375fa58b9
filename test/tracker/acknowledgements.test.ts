import { expect } from 'chai';
import { MAX_UNACKNOWLEDGED } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { Store } from '../../tracker/store/store.js';
import { StoreError } from '../../tracker/store/store-error.js';
import type { RawTcp } from './raw-client.js';
import { publishOf, request } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

describe('an acknowledgement that the store could not take', () => {
  let clock: VirtualClock;
  let tracker: TestTracker;
  let alice: RawTcp;
  let ids: string[];
  beforeEach(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock });
    ({ client: alice } = await tracker.enterTcp('alice'));
    ids = [];
    for (let index = 0; index < MAX_UNACKNOWLEDGED; index += 1) {
      const publish = publishOf(`file ${index}`);
      ids.push(publish.id);
      expect((await alice.ask(publish)).ok).to.equal(true);
    }
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  /** As on a full disk: nothing can be written until the result is called. */
  function fillDisk(): () => void {
    const { mutate, acknowledge } = tracker.store;
    const full = (): Promise<never> => Promise.reject(new StoreError('storage', 'the disk is full'));
    Object.assign(tracker.store, { mutate: full, acknowledge: full } satisfies Partial<Store>);
    return () => void Object.assign(tracker.store, { mutate, acknowledge });
  }

  it('is stored with a later request, although the peer says it once; reads are answered meanwhile', async () => {
    const makeRoom = fillDisk();
    const told = await alice.ask(request('heartbeat', { acks: ids.slice(0, 3) }));
    const read = await alice.ask(request('search', { text: '', mine: true, acks: ids.slice(3, 4) }));
    makeRoom();

    await alice.ask(request('heartbeat'));

    expect([told.ok, read.ok]).to.deep.equal([true, true]);
    for (const name of ['a', 'b', 'c', 'd']) expect((await alice.ask(publishOf(name))).ok).to.equal(true);
    expect((await alice.ask(publishOf('e'))).error?.code).to.equal('too-many-pending');
  });

  it('is stored with the next mutation', async () => {
    const makeRoom = fillDisk();
    const refused = await alice.ask({ ...publishOf('refused'), acks: ids.slice(0, 2) });
    makeRoom();

    expect(refused.error?.code).to.equal('storage');
    expect((await alice.ask(publishOf('a'))).ok).to.equal(true);
  });

  it('is stored although the request that brought it was refused', async () => {
    const hold = request('hold', { publicationId: 'V1StGXR8_Z5jdHi6B-myT', fileId: 'ab'.repeat(32), has: 'all' });
    const refused = await alice.ask({ ...hold, acks: ids.slice(0, 2) });

    expect(refused.error?.code).to.equal('not-found');
    expect((await alice.ask(publishOf('a'))).ok).to.equal(true);
  });

  it('is stored although the request that brought it was one too many', async () => {
    await tracker.grantAdmin('bob');
    const { client: bob } = await tracker.enterTcp('bob');
    const action = { do: 'limit', kind: 'user', subject: 'alice', limit: 'requestRate', value: 1 };
    await bob.ask(request('admin', { action }));
    const search = (fields: object = {}) => alice.ask(request('search', { text: '', ...fields }));
    while ((await search()).ok); // the clock stands: no more are let in

    const refused = await search({ acks: ids.slice(0, 2) });
    clock.advance(refused.error?.retryAfterMs ?? 0);

    expect(refused.error?.code).to.equal('rate-limited');
    expect((await alice.ask(publishOf('a'))).ok).to.equal(true);
  });
});
