import { expect } from 'chai';
import { MAX_HOLDS_PER_USER } from '../../common/protocol/limits.js';
import { MAX_RECENT_TICKETS } from '../../tracker/registry/session.js';
import type { RawTcp } from './raw-client.js';
import { publishOf, request } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

const fileId = 'ab'.repeat(32);

describe('what one user can make the tracker remember', () => {
  let tracker: TestTracker;
  beforeEach(async () => {
    tracker = await TestTracker.start();
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  async function publish(client: RawTcp, ...names: string[]): Promise<string[]> {
    const reply = await client.ask(publishOf(...names));
    return (reply['results'] as { publicationId: string }[]).map(({ publicationId }) => publicationId);
  }

  const hold = (publicationId: string, has: string) => request('hold', { publicationId, fileId, has });

  it(`is not more than ${MAX_HOLDS_PER_USER} publications that it holds, over all its sessions`, async () => {
    const { client: bob } = await tracker.enterTcp('bob');
    const ids = await publish(bob, 'one', 'two');
    const { client: beside } = await tracker.enterTcp('bob', { serving: false });
    const { registry } = tracker.tracker;
    const [first, second] = registry.sessionsOf('bob');
    for (let count = 1; count < MAX_HOLDS_PER_USER; count += 1)
      registry.setHold(count % 2 === 0 ? first! : second!, `publication ${count}`, { fileId, has: 'all' });

    expect((await bob.ask(hold(ids[0]!, 'all'))).ok).to.equal(true);
    for (const client of [bob, beside]) expect((await client.ask(hold(ids[1]!, 'all'))).error?.code).to.equal('quota');
    expect((await bob.ask(hold(ids[0]!, 'part'))).ok, 'one that it holds already').to.equal(true);
    expect((await bob.ask(hold(ids[0]!, 'none'))).ok).to.equal(true);
    expect((await bob.ask(hold(ids[1]!, 'all'))).ok, 'another one in its place').to.equal(true);
  });

  it('are its last tickets alone; who got one before them may hold all the same', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const names = Array.from({ length: 1_000 }, (_, index) => `f${index}`);
    const ids = [
      ...(await publish(alice, ...names)),
      ...(await publish(alice, ...names.map((name) => `${name} more`))),
    ];
    const { client: bob } = await tracker.enterTcp('bob');

    for (const publicationId of ids) await bob.ask(request('sources', { publicationId, ticket: true }));

    expect(tracker.tracker.registry.sessionsOf('bob')[0]?.tickets.size).to.equal(MAX_RECENT_TICKETS);
    for (const id of [ids[0]!, ids.at(-1)!]) expect((await bob.ask(hold(id, 'all'))).ok).to.equal(true);
  });
});
