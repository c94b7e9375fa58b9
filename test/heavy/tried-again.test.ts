import { join } from 'node:path';
import { expect } from 'chai';
import type { PeerState, TransferRow } from '../../peer/api.js';
import { errorCodeOf, resultOf } from '../e2e/json-results.js';
import { inWorld, type World } from '../e2e/world.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

describe('downloads of a running peer', function () {
  this.timeout(60_000);

  const rows = async (world: World): Promise<readonly TransferRow[]> =>
    resultOf<PeerState>(await world.cli('bob', ['status'])).downloads;
  const row = async (world: World, name: string): Promise<TransferRow | undefined> =>
    (await rows(world)).find((transfer) => transfer.name === name);

  it(
    'are tried again by themselves when the publisher is away, and finish when it is back: at once, for the tracker tells',
    inWorld({}, async (world) => {
      const alice = await world.serve('alice');
      const path = await world.file('alice', 'later.bin', 100_000);
      await world.publish('alice', path);
      await alice.process.stop('SIGKILL');
      await world.serve('bob');

      const getting = await world.cli('bob', ['get', 'later.bin', '--priority', 'low'], { timeoutMs: 40_000 });

      expect([getting.code, errorCodeOf(getting)]).to.deep.equal([5, 'no-source']);
      const resting = await row(world, 'later.bin');
      expect(resting).to.include({ state: 'waiting', priority: 'low' }).and.to.have.property('retryAt');
      await world.serve('alice');
      await waitFor(async () => (await row(world, 'later.bin'))?.state === 'done', { timeoutMs: 20_000 });
      expect(await sameBytes(path, join(world.place('bob').downloads, 'later.bin'))).to.equal(true);
    }),
  );
});
