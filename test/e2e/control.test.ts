import { join } from 'node:path';
import { expect } from 'chai';
import type { LimitsView, PeerState, TransferRow } from '../../peer/api.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { errorCodeOf, resultOf } from './json-results.js';
import { inWorld, type World } from './world.js';

const MIB = 1024 * 1024;

describe('downloads of a running peer', () => {
  const rows = async (world: World): Promise<readonly TransferRow[]> =>
    resultOf<PeerState>(await world.cli('bob', ['status'])).downloads;
  const row = async (world: World, name: string): Promise<TransferRow | undefined> =>
    (await rows(world)).find((transfer) => transfer.name === name);

  it(
    'stay paused when the peer is killed, and go on when told',
    inWorld({ ram: true }, async (world) => {
      await world.serve('alice', { args: ['--upload-limit', String(6 * MIB)] });
      const path = await world.file('alice', 'long.bin', 16 * MIB);
      await world.publish('alice', path);
      const bob = await world.serve('bob');
      const getting = await world.start('bob', ['get', 'long.bin']);
      await waitFor(async () => ((await row(world, 'long.bin'))?.doneBytes ?? 0) > 2 * MIB);

      expect(resultOf<{ transfer: TransferRow }>(await world.cli('bob', ['pause'])).transfer.state).to.equal('paused');
      await bob.process.stop('SIGKILL');
      expect((await getting.waitForExit(10_000)).code).not.to.equal(0);
      await world.serve('bob');

      expect(await row(world, 'long.bin')).to.include({ state: 'paused' });
      const spoken = await world.cli('bob', ['status'], { json: false });
      expect(spoken.stdout).to.match(/long\.bin .*paused/);
      const text = await world.cli('bob', ['resume', '@alice/long.bin'], { json: false });
      expect(text.stdout).to.equal('long.bin goes on\n');
      await waitFor(async () => (await row(world, 'long.bin'))?.state === 'done', { timeoutMs: 20_000 });
      expect((await row(world, 'long.bin'))?.resumedBytes).to.be.greaterThan(MIB);
      expect(await sameBytes(path, join(world.place('bob').downloads, 'long.bin'))).to.equal(true);
    }),
  );

  it(
    'keep to the limits that are set while they run, after a restart too',
    inWorld({ ram: true }, async (world) => {
      await world.serve('alice', { args: ['--upload-limit', String(20 * MIB)] });
      await world.publish('alice', await world.file('alice', 'long.bin', 24 * MIB));
      const bob = await world.serve('bob', { args: ['--download-limit', '8M'] });
      const getting = await world.start('bob', ['get', 'long.bin']);
      await waitFor(async () => ((await row(world, 'long.bin'))?.doneBytes ?? 0) > 2 * MIB);

      const set = await world.cli('bob', ['limit', '--down', '64K', '--at', 'mon-sun']);
      expect(resultOf<LimitsView>(set)).to.deep.include({ now: { down: 65_536 }, always: { down: 8 * MIB } });
      const alone = resultOf<LimitsView>(await world.cli('bob', ['limit', 'long.bin', '--down', '32K']));
      expect(alone.download).to.deep.equal({ name: 'long.bin', limitBytesPerSecond: 32_768 });
      expect(await row(world, 'long.bin')).to.include({ limitBytesPerSecond: 32_768, state: 'fetching' });
      await bob.process.stop('SIGKILL');
      await getting.waitForExit(10_000);
      await world.serve('bob', { args: ['--download-limit', '8M'] });

      expect(await row(world, 'long.bin')).to.include({ limitBytesPerSecond: 32_768 });
      const spoken = await world.cli('bob', ['limit', '--at', 'mon-sun', '--remove'], { json: false });
      expect(spoken.stdout).to.equal('Limits: receiving 8.0 MiB/s\n');
      await world.cli('bob', ['limit', 'long.bin', '--down', 'none']);
      await world.cli('bob', ['limit', '--down', 'none']);
      await waitFor(async () => (await row(world, 'long.bin'))?.state === 'done', { timeoutMs: 20_000 });
      const wrong = await world.cli('bob', ['limit', '--up', '1K']);
      expect([wrong.code, errorCodeOf(wrong)]).to.deep.equal([2, 'usage']);
    }),
  );

  it(
    'say which one is meant, and what is wrong with a word that has no use',
    inWorld({}, async (world) => {
      await world.serve('bob');

      const none = await world.cli('bob', ['pause']);
      const level = await world.cli('bob', ['priority', 'urgent']);
      const nobody = await world.cli('alice', ['resume', 'x.bin']);

      expect([none.code, errorCodeOf(none)]).to.deep.equal([4, 'not-found']);
      expect([level.code, errorCodeOf(level)]).to.deep.equal([2, 'usage']);
      expect([nobody.code, errorCodeOf(nobody)]).to.deep.equal([4, 'not-found']);
    }),
  );
});
