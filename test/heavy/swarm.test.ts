import { join } from 'node:path';
import { expect } from 'chai';
import type { PeerState, TransferRow } from '../../peer/api.js';
import { resultOf, transferOf } from '../e2e/json-results.js';
import { inWorld, type World } from '../e2e/world.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const MIB = 1024 * 1024;

describe('a swarm of three real peers', function () {
  this.timeout(90_000);

  const fetched = async (world: World, user: string): Promise<TransferRow | undefined> =>
    resultOf<PeerState>(await world.cli(user, ['status'])).downloads.at(-1);

  it(
    'sends the second downloader chunks that the first one has, and hardly any twice',
    inWorld({ users: ['alice', 'bob', 'carol'], ram: true }, async (world) => {
      const size = 80 * MIB;
      const path = await world.file('alice', 'shared.bin', size);
      await world.serve('alice', { args: ['--upload-limit', String(8 * MIB)] });
      await world.publish('alice', path);
      await Promise.all([world.serve('bob'), world.serve('carol')]);
      const startedAt = performance.now();
      const bobs = world.cli('bob', ['get', 'shared.bin'], { timeoutMs: 60_000 });
      await waitFor(async () => ((await fetched(world, 'bob'))?.doneBytes ?? 0) > 4 * MIB);

      const [first, second] = (
        await Promise.all([bobs, world.cli('carol', ['get', 'shared.bin'], { timeoutMs: 60_000 })])
      ).map(transferOf);
      const seconds = (performance.now() - startedAt) / 1_000;

      const from = (row: TransferRow | undefined, user: string): number =>
        row?.sources.find((source) => source.user === user)?.verifiedBytes ?? 0;
      const copies = (from(first, 'alice') + from(second, 'alice')) / size;
      const twice = (first?.duplicateBytes ?? 0) + (second?.duplicateBytes ?? 0);
      print(
        `80 MiB to two at 8 MiB/s: ${seconds.toFixed(1)} s (one copy takes 10 s), ${copies.toFixed(2)} copies left the publisher; ` +
          `carol had ${Math.round((100 * from(second, 'bob')) / size)} % from bob, bob ${Math.round((100 * from(first, 'carol')) / size)} % from carol; ` +
          `${twice} bytes came twice`,
      );
      for (const user of ['bob', 'carol'])
        expect(await sameBytes(path, join(world.place(user).downloads, 'shared.bin'))).to.equal(true);
      expect(from(second, 'bob'), 'carol from bob').to.be.greaterThan(8 * MIB);
      expect(from(first, 'carol'), 'rarest first: bob from carol').to.be.greaterThan(8 * MIB);
      expect(copies, 'two copies: each took all from the publisher').to.be.below(1.85);
      expect(twice / (2 * size)).to.be.at.most(0.01);
    }),
  );
});

function print(text: string): void {
  process.stdout.write(`      ${text}\n`);
}
