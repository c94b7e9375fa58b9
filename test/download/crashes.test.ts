import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import type { FaultLabel } from '../../peer/download/fault-point.js';
import { sameBytes } from '../support/temp.js';
import type { ChildTask } from './download-child.js';
import { type Ended, runChild as run } from './run-child.js';
import { type Publication, requestFor, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const CHUNKS = 6;

describe('Download in a process that dies', () => {
  let world: World;
  let publication: Publication;
  let task: ChildTask;
  let folder: string;
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('film.bin', CHUNKS * CHUNK - 5);
    const alice = await world.peer('alice', [publication]);
    const reader = await world.downloads('bob', []);
    folder = reader.folder;
    task = {
      identity: world.dir.join('bob.pem'),
      request: requestFor(publication, folder),
      sources: {
        fileId: publication.fileId,
        size: publication.size,
        revision: 1,
        sources: [alice.offer()],
        ticket: world.ticketFor(publication, reader.identity.pin),
      },
    };
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const runChild = (env: Record<string, string> = {}, wrapper: string[] = []): Promise<Ended> =>
    run(task, { env, wrapper });

  const points: [FaultLabel, number, string][] = [
    ['part-opened', 1, 'nothing'],
    ['chunk-verified', 1, 'nothing'],
    ...Array.from({ length: CHUNKS }, (_, index): [FaultLabel, number, string] => [
      'chunk-written',
      index + 1,
      'nothing',
    ]),
    ['before-fsync', 1, 'nothing'],
    ['after-fsync', 1, 'nothing'],
    ['after-link', 1, 'the whole file'],
    ['after-unlink', 1, 'the whole file'],
    ['after-dir-fsync', 1, 'the whole file'],
  ];
  for (const [label, nth, expected] of points) {
    it(`shows ${expected} under the name when killed at ${label} ${nth}, and the next get ends well`, async () => {
      const killed = await runChild({ SHOAL_TEST_FAULTS: '1', FAULT_AT: `${label}:${nth}` });
      expect(killed.signal).to.equal('SIGKILL');
      const target = join(folder, 'film.bin');
      expect(existsSync(target)).to.equal(expected !== 'nothing');
      if (expected !== 'nothing') expect(await sameBytes(publication.path, target)).to.equal(true);

      const { outcome } = await runChild();

      if (label === 'after-unlink' || label === 'after-dir-fsync') expect(outcome?.code).to.equal('exists');
      else {
        expect(outcome).to.include({ code: 'done' });
        // What was written before the kill is not fetched again; of what was on its way at most the chunks in memory are lost.
        if (label === 'chunk-written') expect(outcome?.resumedBytes).to.be.at.least(nth * CHUNK - 5);
        expect((outcome?.receivedBytes ?? 0) + (outcome?.resumedBytes ?? 0)).to.equal(publication.size);
      }
      expect(await sameBytes(publication.path, target)).to.equal(true);
      expect(readdirSync(folder)).to.deep.equal(['film.bin']);
    });
  }

  it('ignores FAULT_AT without SHOAL_TEST_FAULTS', async () => {
    const { outcome } = await runChild({ FAULT_AT: 'before-fsync' });

    expect(outcome?.code).to.equal('done');
  });

  describe('when the disk fails', () => {
    before(async function () {
      const works = await promisify(execFile)('strace', ['-f', '-o', '/dev/null', 'true']).then(
        () => true,
        () => false,
      );
      if (!works) this.skip(); // No strace, or no right to trace.
    });

    for (let when = 1; when <= 3; when += 1) {
      it(`never reports success when fsync ${when} fails, and does not trust what was not written`, async () => {
        const ended = await runChild({}, [
          'strace',
          '-f',
          '-o',
          '/dev/null',
          '-e',
          `inject=fsync,fdatasync:error=EIO:when=${when}`,
        ]);

        // The third and later ones are not ours any more when there are only two: the file and its folder.
        if (when <= 2) expect(ended.outcome?.code).to.equal('unwritable');
        if (when === 1) expect(readdirSync(folder)).to.deep.equal([]);
        if (existsSync(join(folder, 'film.bin')))
          expect(await sameBytes(publication.path, join(folder, 'film.bin'))).to.equal(true);
      });
    }

    it('keeps the .part and can go on when there is no room for the link', async () => {
      const ended = await runChild({}, ['strace', '-f', '-o', '/dev/null', '-e', 'inject=link,linkat:error=ENOSPC']);
      expect(ended.outcome?.code).to.equal('disk-full');

      const { outcome } = await runChild();

      expect(outcome).to.include({ code: 'done', receivedBytes: 0 });
    });

    it('finishes by an exclusive placeholder where there are no links', async () => {
      const ended = await runChild({}, ['strace', '-f', '-o', '/dev/null', '-e', 'inject=link,linkat:error=EPERM']);

      expect(ended.outcome?.code).to.equal('done');
      expect(await sameBytes(publication.path, join(folder, 'film.bin'))).to.equal(true);
      expect(readdirSync(folder)).to.deep.equal(['film.bin']);

      await rm(join(folder, 'film.bin'));
      await writeFile(join(folder, 'film.bin'), 'mine');
      expect(
        (await runChild({}, ['strace', '-f', '-o', '/dev/null', '-e', 'inject=link,linkat:error=EPERM'])).outcome?.code,
      ).to.equal('exists');
    });

    it('throws away what a disk with errors took', async () => {
      const ended = await runChild({}, [
        'strace',
        '-f',
        '-o',
        '/dev/null',
        '-e',
        'inject=pwrite64,pwritev:error=EIO:when=2',
      ]);

      expect(ended.outcome?.code).to.equal('unwritable');
      expect(existsSync(join(folder, 'film.bin'))).to.equal(false);
    });
  });
});
