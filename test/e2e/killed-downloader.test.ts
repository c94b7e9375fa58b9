import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sameBytes } from '../support/temp.js';
import { transferOf } from './json-results.js';
import { World } from './world.js';

const CHUNK = 256 * 1024;
const CHUNKS = 6;
const SIZE = CHUNKS * CHUNK - 1;

/** Each place where a crash leaves another state on the disk, and how many chunks the next run has to fetch at most. */
const CRASHES: readonly (readonly [where: string, fetchedAgain: number])[] = [
  ['part-opened', CHUNKS],
  ['chunk-verified', CHUNKS],
  ['chunk-verified:4', CHUNKS],
  ['chunk-written', CHUNKS],
  [`chunk-written:${CHUNKS}`, 1],
  ['before-fsync', 0],
  ['after-fsync', 0],
  ['after-link', 0],
  ['after-unlink', 0],
  ['after-dir-fsync', 0],
];

describe('a downloader that is killed', () => {
  let world: World;
  let path: string;

  before(async () => {
    world = await World.open();
    await world.serve('alice');
    path = await world.file('alice', 'doc.bin', SIZE);
    await world.publish('alice', path);
  });

  after(() => world.end());

  for (const [where, most] of CRASHES) {
    it(`at ${where} leaves nothing wrong, and the next get ends what it began`, async () => {
      const downloads = world.path(where);
      const target = join(downloads, 'doc.bin');
      const env = { SHOAL_TEST_FAULTS: '1', FAULT_AT: where };

      const killed = await world.cli('bob', ['get', 'doc.bin'], { downloads, env });
      const isThere = (await readdir(downloads)).includes('doc.bin');
      if (isThere) expect(await sameBytes(path, target), 'I1: what has the final name is whole').to.equal(true);
      const again = await world.cli('bob', ['get', 'doc.bin', ...(isThere ? ['--force'] : [])], { downloads });

      expect(killed.signal, killed.stderr).to.equal('SIGKILL');
      const { receivedBytes } = transferOf(again);
      if (!isThere) expect(receivedBytes, 'fetched by the second run').to.be.at.most(most * CHUNK);
      expect(await sameBytes(path, target)).to.equal(true);
      expect((await readdir(downloads)).toSorted(), 'I2: nothing else is left').to.deep.equal(['doc.bin']);
    });
  }
});
