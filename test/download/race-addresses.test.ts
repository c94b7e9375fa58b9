import { expect } from 'chai';

import { DeadlineError } from '../../common/runtime/deadline.js';
import { type Dial, raceAddresses } from '../../peer/download/race-addresses.js';
import { SourceFault } from '../../peer/download/source-fault.js';
import { CONNECT_TIMEOUT_MS } from '../../peer/file-port/dial-peer.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';
import { World } from './swarm-fixture.js';

const HERE = { host: 'slow.example', port: 1 };
const THERE = { host: 'quick.example', port: 1 };

describe('raceAddresses', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** A name that no server answers for: the system looks it up for as long as it likes, whatever we do. */
  const never: Dial = () => new Promise(() => undefined);
  const race = (dial: Dial, signal = new AbortController().signal): Promise<PeerConnection> =>
    raceAddresses([HERE, THERE], { pin: '00'.repeat(32), dial, signal });

  it('gives up a source whose name is looked up without end', async () => {
    const startedAt = performance.now();

    const fault = await race(never).catch((error: unknown) => error);

    expect(fault).to.be.instanceOf(SourceFault).with.property('kind', 'unreachable');
    expect((fault as Error).cause).to.be.instanceOf(DeadlineError);
    expect(performance.now() - startedAt).to.be.within(CONNECT_TIMEOUT_MS - 50, 2 * CONNECT_TIMEOUT_MS);
  });

  it('ends at once when the download is stopped meanwhile', async () => {
    const stop = new AbortController();
    const racing = race(never, stop.signal).catch((error: unknown) => error);
    const startedAt = performance.now();
    stop.abort(new Error('stopped'));

    expect(await racing).to.equal(stop.signal.reason);
    expect(performance.now() - startedAt).to.be.below(CONNECT_TIMEOUT_MS);
  });

  it('closes a connection that comes after another address was sooner', async () => {
    const alice = await world.peer('alice');
    const bob = await world.identity('bob');
    const late = Promise.withResolvers<PeerConnection>();
    const dial: Dial = ({ host }) => (host === HERE.host ? late.promise : world.connect(alice, bob));

    const winner = await race(dial);
    const loser = await world.connect(alice, bob);
    late.resolve(loser);
    await new Promise((resolve) => loser.onClose(() => resolve(undefined)));

    expect(winner.isOpen).to.equal(true);
  });
});
