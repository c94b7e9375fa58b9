/** A tracker whose store is put back to an older day: what peers have published, replaced and limited since comes back by itself. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCli } from '../support/program.js';
import { waitFor } from '../support/wait-for.js';
import { inWorld } from './world.js';

describe('a tracker that was restored from an older backup', () => {
  it(
    'shows nobody what was limited since, and has what was replaced since, when the owner is back',
    inWorld({ users: ['alice', 'bob', 'carol'] }, async (world) => {
      const store = (...words: string[]) =>
        runCli(['tracker', ...words, '--data', world.tracker.data], { home: world.path() });
      const changing = await world.file('alice', 'changing.bin', 1_000, 1);
      await world.serve('alice');
      await world.publish('alice', changing);
      await world.publish('alice', await world.file('alice', 'narrowed.bin', 1_000, 2));
      const saved = await store('backup', world.path('saved'));
      await world.file('alice', 'changing.bin', 2_000, 3);
      await world.publish('alice', changing);
      await world.publish('alice', await world.file('alice', 'secret.bin', 1_000, 4), ['--for', 'bob']);
      const narrowed = await world.cli('alice', ['rights', 'narrowed.bin', '--for', 'bob']);
      expect([saved.code, narrowed.code], saved.stderr + narrowed.stderr).to.deep.equal([0, 0]);

      await world.killTracker('SIGTERM');
      const restored = await store('restore', world.path('saved'), '--force');
      expect(restored.code, restored.stderr).to.equal(0);
      await world.startTracker();
      const namesFor = async (user: string): Promise<string[]> => {
        const { result } = await world.cli(user, ['list']);
        return ((result?.['publications'] ?? []) as { name: string }[]).map(({ name }) => name).toSorted();
      };
      await waitFor(async () => (await namesFor('bob')).length === 3, { what: "alice's library", timeoutMs: 20_000 });

      expect(await namesFor('carol')).to.deep.equal(['changing.bin']);
      const got = await world.cli('carol', ['get', 'changing.bin']);
      expect(got.code, got.stderr).to.equal(0);
      const { downloads } = world.place('carol');
      expect(await readFile(join(downloads, 'changing.bin'))).to.deep.equal(await readFile(changing));
    }),
  );
});
