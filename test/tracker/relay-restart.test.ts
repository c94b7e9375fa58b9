import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp } from './raw-client.js';
import { publishOf, type RawGrant, type RawReply, request } from './raw-messages.js';
import { helloOf, newToken, RelayEnd } from './relay-end.js';
import { TestTracker } from './test-tracker.js';

const SHARE = 100_000;
const LIMITS = { publications: 1_000, publishRate: 0, requestRate: 0, relayBytes: SHARE };
const DAY_MS = 86_400_000;

describe('the relay of a tracker that is started anew', () => {
  let clock: VirtualClock;
  let tracker: TestTracker;
  let alice: { readonly client: RawTcp; readonly grant: RawGrant };
  let bob: { readonly client: RawTcp; readonly grant: RawGrant };
  beforeEach(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock, limits: LIMITS });
    await enter();
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  async function enter(): Promise<void> {
    [alice, bob] = [await tracker.enterTcp('alice'), await tracker.enterTcp('bob')];
    await alice.client.ask(publishOf('plan.bin'));
  }

  /** Bob wants what Alice has. */
  async function ask(token: string): Promise<RawReply> {
    const { libraryRevision: _, results } = await alice.client.ask(publishOf('plan.bin'));
    const { publicationId } = results[0];
    const { sources } = await bob.client.ask(request('sources', { publicationId, ticket: true }));
    return bob.client.ask(request('reach', { publicationId, device: sources[0].device, by: 'relay', token }));
  }

  it('goes on counting the share of the day, until the day is over', async () => {
    const token = newToken();
    expect(await ask(token)).to.have.property('ok', true);
    using a = await RelayEnd.open(tracker.place);
    using b = await RelayEnd.open(tracker.place);
    a.say(helloOf(bob.grant, token));
    b.say(helloOf(alice.grant, token));
    expect([await a.answer(), await b.answer()]).to.deep.equal(['ok', 'ok']);
    a.socket.write(randomBytes(SHARE));
    await waitFor(() => b.bytes.length === SHARE);

    await tracker.close();
    await tracker.open();
    await enter();
    const refused = await ask(newToken());
    clock.advance(DAY_MS);
    await enter();
    const nextDay = await ask(newToken());

    expect(refused.error?.code).to.equal('relay-quota');
    expect(nextDay.ok).to.equal(true);
  });
});
