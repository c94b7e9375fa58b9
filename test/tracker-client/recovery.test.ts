import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import type { ConnectionState } from '../../peer/api.js';
import { TrackerClient } from '../../peer/tracker-client/tracker-client.js';
import { waitFor } from '../support/wait-for.js';
import { userOf } from '../tracker/raw-messages.js';
import { TestTracker } from '../tracker/test-tracker.js';

const signal = new AbortController().signal;

describe('TrackerClient without its tracker', () => {
  let tracker: TestTracker;
  let clock: VirtualClock;
  let client: TrackerClient;

  beforeEach(async () => {
    tracker = await TestTracker.start({ users: ['alice'] });
    clock = new VirtualClock();
    client = new TrackerClient({
      host: '127.0.0.1',
      port: tracker.port,
      pin: tracker.identity.pin,
      device: await loadOrCreateIdentity(tracker.dir.join('device.pem'), { commonName: 'test' }),
      clock,
      pqOnly: false,
      presence: () => ({ serving: false, libraryRevision: 0 }),
      onGrant: () => undefined,
      onState: () => undefined,
      onEvent: () => undefined,
      onEpoch: () => undefined,
    });
  });

  afterEach(async () => {
    await client.stop({ logout: false });
    await tracker[Symbol.asyncDispose]();
  });

  const waiting = (): (ConnectionState & { readonly kind: 'waiting' }) | undefined =>
    client.state.kind === 'waiting' ? client.state : undefined;

  it('dials at once when somebody is in a hurry, however long the pause', async () => {
    await client.login('alice', userOf('alice').password, { signal });
    client.start();
    await tracker.close();
    await waitFor(async () => {
      await clock.advanceAsync(500);
      return (waiting()?.retryAt ?? 0) - clock.now() > 5_000;
    });
    await tracker.open();

    client.hurry();

    await waitFor(() => client.state.kind === 'online');
    expect(waiting()).to.equal(undefined);
  });

  it('says so as soon as the tracker says that it leaves, and is online again where it stays', async () => {
    await client.login('alice', userOf('alice').password, { signal });
    client.start();

    tracker.tracker.registry.broadcast({ event: 'shutting-down' });

    await waitFor(() => waiting()?.problem.message.includes('shutting down'), {
      what: 'its word, with no time passed',
    });
    await waitFor(async () => {
      await clock.advanceAsync(500);
      return client.state.kind === 'online';
    });
  });
});
