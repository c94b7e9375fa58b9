import { expect } from 'chai';
import { systemClock } from '../../common/runtime/clock.js';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { TrackerClient } from '../../peer/tracker-client/tracker-client.js';
import { userOf } from '../tracker/raw-messages.js';
import { TestTracker } from '../tracker/test-tracker.js';

const signal = new AbortController().signal;

describe('TrackerClient', () => {
  it('makes a hundred changes at once, although the tracker keeps fewer outcomes that nobody has acknowledged', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const tracker = cleanUp.use(await TestTracker.start({ users: ['alice'] }));
    const client = new TrackerClient({
      ...{ host: '127.0.0.1', port: tracker.port, pin: tracker.identity.pin, clock: systemClock, pqOnly: false },
      device: await loadOrCreateIdentity(tracker.dir.join('device.pem'), { commonName: 'test' }),
      presence: () => ({ serving: false, libraryRevision: 0 }),
      onGrant: () => undefined,
      onState: () => undefined,
      onEvent: () => undefined,
      onEpoch: () => undefined,
    });
    cleanUp.defer(() => client.stop({ logout: false }));
    await client.login('alice', userOf('alice').password, { signal });
    const publish = async (index: number): Promise<boolean | undefined> => {
      const entry = { name: `file ${index}`, fileId: 'ab'.repeat(32), size: 1, kind: 'file' as const };
      const { results } = await client.request('publish', { entries: [entry] }, { signal });
      return results[0]?.ok;
    };

    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, index) => publish(index)));

    expect(outcomes).to.deep.equal(outcomes.map(() => true));
  });
});
