import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statfsSync } from 'node:fs';
import {
  chmod,
  link,
  lstat,
  mkdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { sameBytes } from '../support/temp.js';
import { mountTmpfs, unmount } from '../support/tmpfs.js';
import { waitFor } from '../support/wait-for.js';
import { problemOf } from './expect-problem.js';
import { type Publication, type Reader, requestFor, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const SIZE = 6 * CHUNK + 7;
const MIB = 1024 * 1024;
const run = promisify(execFile);
const forever = { signal: new AbortController().signal };

describe('Download and its target', () => {
  let world: World;
  let publication: Publication;
  let reader: Reader;
  let target: string;
  let part: string;
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('file.bin', SIZE);
    await world.peer('alice', [publication]);
    reader = await world.downloads('bob', [publication]);
    target = join(reader.folder, 'file.bin');
    part = join(reader.folder, `.file.bin.${publication.fileId.slice(0, 16)}.part`);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const get = (changes = {}) => reader.downloads.get(requestFor(publication, reader.folder, changes), forever);

  const obstacles: [string, () => Promise<unknown>, (() => Promise<unknown>)?][] = [
    ['a file', () => writeFile(target, 'mine'), () => readFile(target, 'utf8')],
    ['a folder', () => mkdir(target), async () => (await lstat(target)).isDirectory()],
    [
      'a link to a file',
      async () => {
        await writeFile(`${target}.x`, 'mine');
        await symlink(`${target}.x`, target);
      },
      () => readFile(target, 'utf8'),
    ],
    ['a dangling link', () => symlink('/nowhere/at/all', target), () => readlink(target)],
    ['a pipe', () => run('mkfifo', [target]), async () => (await lstat(target)).isFIFO()],
  ];
  for (const [what, make, look] of obstacles) {
    it(`never touches ${what} that is there, and says so before anything is fetched`, async () => {
      await make();
      const before = await look?.();

      const problem = await problemOf(get());

      expect(problem.code).to.equal('exists');
      expect(problem.message).to.include(target).and.include('--as').and.include('--force');
      expect(await look?.()).to.deep.equal(before);
      expect(world.asked).to.deep.equal([]);
      expect(reader.downloads.rows(), 'nothing was downloaded').to.deep.equal([]);
    });

    it(
      what === 'a folder' ? 'refuses to replace a folder even with force' : `replaces ${what} with force`,
      async () => {
        await make();
        if (what === 'a folder') {
          expect((await problemOf(get({ force: true }))).code).to.equal('is-directory');
          return;
        }

        await get({ force: true });

        expect((await lstat(target)).isFile()).to.equal(true);
        expect(await sameBytes(publication.path, target)).to.equal(true);
      },
    );
  }

  it('leaves a file alone that appears while the download runs', async () => {
    world.sources.set(publication.publicationId, []);
    const getting = get();
    await waitFor(() => existsSync(part));
    await writeFile(target, 'mine');
    await world.peer('carol', [publication]);

    expect((await problemOf(getting)).code).to.equal('exists');
    expect(await readFile(target, 'utf8')).to.equal('mine');
  });

  it('does not touch a name that differs in case only', async () => {
    await writeFile(join(reader.folder, 'FILE.BIN'), 'mine');

    await get();

    expect(await readFile(join(reader.folder, 'FILE.BIN'), 'utf8')).to.equal('mine');
  });

  it('says that a read-only disk is not writable', async function () {
    if (!(await mountTmpfs(reader.folder, 'ro,size=1m'))) return this.skip(); // only root may mount
    try {
      expect((await problemOf(get())).code).to.equal('unwritable');
    } finally {
      await unmount(reader.folder);
    }
  });

  it('says that the folder is missing', async () => {
    const problem = await problemOf(get({ directory: join(reader.folder, 'none') }));

    expect(problem.code).to.equal('unwritable');
    expect(problem.message).to.include('does not exist');
  });

  for (const name of ['../evil', 'a/b', '..', '', 'a\u0000b', 'a\u202eb', ' x']) {
    it(`refuses the name ${JSON.stringify(name)} and tells of --as`, async () => {
      const problem = await problemOf(get({ fileName: name }));

      expect(problem.code).to.equal('bad-name');
      expect(problem.message).to.include('--as');
      expect(readdirSync(reader.folder)).to.deep.equal([]);
    });
  }

  it('takes the longest name there can be', async () => {
    const name = `${'ä'.repeat(126)}.b`;

    await get({ fileName: name });

    expect(readdirSync(reader.folder)).to.deep.equal([name]);
  });

  it('refuses what does not fit on the disk before a byte moves', async function () {
    if (!(await mountTmpfs(reader.folder, 'size=17m'))) return this.skip(); // only root may mount
    try {
      const { bavail, bsize } = statfsSync(reader.folder);
      expect(bavail * bsize - 16 * MIB).to.be.lessThan(SIZE);

      const problem = await problemOf(get());

      expect(problem.code).to.equal('disk-full');
      expect(world.asked).to.deep.equal([]);
      expect(readdirSync(reader.folder)).to.deep.equal([]);
    } finally {
      await unmount(reader.folder);
    }
  });

  it('says that the disk is full when it has no room for one more name, and goes on when it has', async function () {
    if (!(await mountTmpfs(reader.folder, 'size=64m,nr_inodes=2'))) return this.skip(); // only root may mount
    try {
      await writeFile(join(reader.folder, 'other'), 'x');

      expect((await problemOf(get())).code).to.equal('disk-full');
      expect(readdirSync(reader.folder)).to.deep.equal(['other']);
      await run('mount', ['-o', 'remount,nr_inodes=100', reader.folder]);
      expect(await sameBytes(publication.path, (await get()).path)).to.equal(true);
    } finally {
      await unmount(reader.folder);
    }
  });

  it('stops when the disk fills up, keeps what it has, and goes on when there is room again', async function () {
    if (!(await mountTmpfs(reader.folder, 'size=24m'))) return this.skip(); // only root may mount
    try {
      const big = await world.publish('big.bin', 6 * MIB, { seed: 2 });
      const slow = await world.peer('dora', [big], { uploadLimitBytesPerSecond: 6 * MIB });
      const filling = await world.downloads('eve', [big]);
      const request = requestFor(big, reader.folder);
      const getting = filling.downloads.get(request, forever);
      await waitFor(() => (filling.downloads.rows()[0]?.doneBytes ?? 0) > 2 * MIB);
      await writeFile(join(reader.folder, 'other'), Buffer.alloc(30 * MIB)).catch(() => undefined);

      const problem = await problemOf(getting);
      expect(problem.code).to.equal('disk-full');
      await rm(join(reader.folder, 'other'));
      const row = await filling.downloads.get(request, forever);

      expect(row.resumedBytes).to.be.greaterThan(MIB);
      expect(await sameBytes(big.path, row.path)).to.equal(true);
      await slow.stop();
    } finally {
      await unmount(reader.folder);
    }
  });

  describe('going on with the .part of an earlier run', () => {
    /** A `.part` that holds all chunks but the last. */
    beforeEach(async () => {
      await writeFile(part, (await readFile(publication.path)).subarray(0, 6 * CHUNK), { mode: 0o600 });
    });

    it('fetches only what is missing', async () => {
      const row = await get();

      expect(row).to.include({ resumedBytes: 6 * CHUNK, receivedBytes: 7 });
      expect(await sameBytes(publication.path, target)).to.equal(true);
      expect(readdirSync(reader.folder)).to.deep.equal(['file.bin']);
    });

    it('fetches a chunk again in which a bit has flipped', async () => {
      const bytes = await readFile(part);
      bytes[2 * CHUNK + 99] = (bytes[2 * CHUNK + 99] ?? 0) ^ 4;
      await writeFile(part, bytes);

      const row = await get();

      expect(row).to.include({ resumedBytes: 5 * CHUNK, receivedBytes: CHUNK + 7 });
      expect(await sameBytes(publication.path, target)).to.equal(true);
    });

    it('fetches what was cut off', async () => {
      await truncate(part, 3 * CHUNK + 1_000);

      const row = await get();

      expect(row).to.include({ resumedBytes: 3 * CHUNK, receivedBytes: 3 * CHUNK + 7 });
      expect(await sameBytes(publication.path, target)).to.equal(true);
    });

    it('cuts off what is too much', async () => {
      await writeFile(part, Buffer.concat([await readFile(publication.path), Buffer.alloc(5_000)]));

      const row = await get();

      expect(row.receivedBytes).to.equal(0);
      expect(await sameBytes(publication.path, target)).to.equal(true);
    });

    for (const [what, make] of [
      ['a link to a file of the user', (victim: string) => symlink(victim, part)],
      ['a second name of a file of the user', (victim: string) => link(victim, part)],
    ] as const) {
      it(`does not write through ${what}`, async () => {
        const victim = join(world.dir.path, 'victim');
        await writeFile(victim, 'precious');
        await rm(part);
        await make(victim);

        await get();

        expect(await readFile(victim, 'utf8')).to.equal('precious');
        expect((await stat(victim)).nlink).to.equal(1);
        expect(await sameBytes(publication.path, target)).to.equal(true);
      });
    }

    it('does not hang on a pipe in its place', async () => {
      await rm(part);
      await run('mkfifo', [part]);

      await get();

      expect(await sameBytes(publication.path, target)).to.equal(true);
    });

    it('finishes when the last run ended between its two names', async () => {
      await writeFile(part, await readFile(publication.path));
      await link(part, target);

      const row = await get();

      expect(row.receivedBytes).to.equal(0);
      expect(readdirSync(reader.folder)).to.deep.equal(['file.bin']);
      expect(await sameBytes(publication.path, target)).to.equal(true);
    });

    it('does not touch such a file when the user has changed it since', async () => {
      await writeFile(part, 'my own words');
      await link(part, target);

      expect((await problemOf(get())).code).to.equal('exists');
      expect(await readFile(target, 'utf8')).to.equal('my own words');
    });
  });

  it('keeps the .part to its owner', async () => {
    world.sources.set(publication.publicationId, []);
    const stop = new AbortController();
    const getting = reader.downloads.get(requestFor(publication, reader.folder), { signal: stop.signal });
    await waitFor(() => existsSync(part));

    expect((await stat(part)).mode & 0o777).to.equal(0o600);
    stop.abort();
    await getting.catch(() => undefined);
    expect(readdirSync(reader.folder), 'an empty .part is of no use').to.deep.equal([]);
  });

  it('joins a second get of the same file, and refuses another content at the same place', async () => {
    const other = await world.publish('other.bin', 9, { seed: 3 });
    const first = get();

    const problem = await problemOf(
      reader.downloads.get(requestFor(other, reader.folder, { fileName: 'file.bin' }), forever),
    );
    const [one, two] = await Promise.all([first, get()]);

    expect(problem.code).to.equal('in-use');
    expect(one.transferId).to.equal(two.transferId);
  });

  it('refuses to write a .part that another peer of the user is writing', async () => {
    world.sources.set(publication.publicationId, []);
    const stop = new AbortController();
    const getting = reader.downloads.get(requestFor(publication, reader.folder), { signal: stop.signal });
    await waitFor(() => existsSync(`${part}.lock`));
    const second = await world.downloads('bob2', [publication]);

    const problem = await problemOf(second.downloads.get(requestFor(publication, reader.folder), forever));

    expect(problem.code).to.equal('in-use');
    stop.abort();
    await getting.catch(() => undefined);
  });

  it('leaves the folder as it was when its mode forbids', async function () {
    if (process.getuid?.() === 0) return this.skip(); // Root may write everywhere.
    await chmod(reader.folder, 0o500);

    expect((await problemOf(get())).code).to.equal('unwritable');
  });
});
