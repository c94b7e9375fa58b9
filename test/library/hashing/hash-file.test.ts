import { execFile } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdir, open, truncate, writeFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { ContentError } from '../../../common/content/content-error.js';
import { VirtualClock } from '../../../common/runtime/clock.js';
import { FileHasher } from '../../../peer/library/hashing/hash-file.js';
import { SMALL_SIZES, TOO_LARGE } from '../../content/boundary-sizes.js';
import { secondChunkSize, secondHashes, secondId } from '../../content/second-implementation.js';
import { seededBytes, type TempDir, tempDir } from '../../support/temp.js';

const MIB = 1024 * 1024;
/** Bytes that keep one thread busy beyond its first progress report on any machine. Holes: they take no room. */
const LONG = 1024 * MIB;

describe('FileHasher', () => {
  const { signal } = new AbortController();
  let dir: TempDir;
  let hasher: FileHasher;
  let slowHasher: FileHasher;

  beforeEach(async () => {
    dir = await tempDir({ ram: true });
    hasher = new FileHasher();
    slowHasher = new FileHasher({ threads: 1 });
  });
  afterEach(async () => {
    await Promise.all([hasher.close(), slowHasher.close()]);
    expect(openBelow(dir.path), 'files left open').to.deep.equal([]);
    await dir[Symbol.asyncDispose]();
  });

  async function fileOf(content: Buffer, name = 'file'): Promise<string> {
    await writeFile(dir.join(name), content);
    return dir.join(name);
  }

  async function emptyFileOf(size: number, name = 'long'): Promise<string> {
    await using file = await open(dir.join(name), 'w');
    await file.truncate(size);
    return dir.join(name);
  }

  const sizes = [
    ...SMALL_SIZES,
    { size: 8 * MIB, why: 'one span of a thread' },
    { size: 35 * MIB + 3, why: 'several spans' },
  ];
  for (const { size, why } of sizes) {
    it(`gives manifest and id of ${size} bytes (${why})`, async () => {
      const content = seededBytes(size, size);
      const path = await fileOf(content);

      const hashed = await hasher.hash(path, { signal });

      expect(Buffer.from(hashed.hashes)).to.deep.equal(secondHashes(content));
      expect(hashed.fileId).to.equal(secondId('shoal-file-v1', size, secondHashes(content)));
      expect(hashed.size).to.equal(size);
      expect(hashed.chunkSize).to.equal(secondChunkSize(size));
      expect(hashed.identity.size).to.equal(BigInt(size));
    });
  }

  it('gives the same with one thread as with many', async () => {
    const path = await fileOf(seededBytes(21 * MIB + 1, 7));
    await using one = new FileHasher({ threads: 1 });
    await using many = new FileHasher({ threads: 5 });

    expect(await one.hash(path, { signal })).to.deep.equal(await many.hash(path, { signal }));
  });

  it('hashes hundreds of files that are given at once, each right', async () => {
    const contents = Array.from({ length: 300 }, (_, index) => seededBytes(index * 100, index));
    const paths = await Promise.all(contents.map((content, index) => fileOf(content, `f${index}`)));

    const hashed = await Promise.all(paths.map((path) => hasher.hash(path, { signal })));

    expect(hashed.map(({ fileId }) => fileId)).to.deep.equal(
      contents.map((content) => secondId('shoal-file-v1', content.length, secondHashes(content))),
    );
  });

  it('lets the main thread work meanwhile', async () => {
    const path = await emptyFileOf(LONG);
    const work = hasher.hash(path, { signal });
    let turns = 0;
    let isDone = false;
    void work.finally(() => {
      isDone = true;
    });

    while (!isDone) {
      await nextTurn();
      turns += 1;
    }

    await work;
    expect(turns).to.be.greaterThan(100);
  });

  describe('progress', () => {
    it('rises, never passes the size, and ends with it', async () => {
      const path = await emptyFileOf(LONG);
      const reports: number[] = [];

      await slowHasher.hash(path, { signal, onProgress: (bytes) => reports.push(bytes) });

      expect(reports).to.deep.equal(reports.toSorted((a, b) => a - b));
      expect(reports.length).to.be.greaterThan(1);
      expect(reports.at(-1)).to.equal(LONG);
    });

    it('is not reported again before 50 ms have passed', async () => {
      const path = await emptyFileOf(LONG);
      await using still = new FileHasher({ clock: new VirtualClock() });
      const reports: number[] = [];

      await still.hash(path, { signal, onProgress: (bytes) => reports.push(bytes) });

      expect(reports).to.deep.equal([LONG]);
    });

    it('of an empty file is one report of 0', async () => {
      const reports: number[] = [];

      await hasher.hash(await fileOf(Buffer.alloc(0)), { signal, onProgress: (bytes) => reports.push(bytes) });

      expect(reports).to.deep.equal([0]);
    });
  });

  describe('a file that changes meanwhile', () => {
    const changes: [string, (path: string) => void][] = [
      ['grows', (path) => appendFileSync(path, '!')],
      ['becomes shorter', (path) => truncateSync(path, 1000)],
      ['is written in place and dated back', writeDatedBack],
      ['is replaced', replace],
      ['is deleted', (path) => unlinkSync(path)],
    ];
    for (const [what, change] of changes) {
      it(`is refused when it ${what}`, async () => {
        const path = await emptyFileOf(LONG);
        let isChanged = false;

        const error = await rejection(
          slowHasher.hash(path, {
            signal,
            onProgress: () => {
              if (!isChanged) change(path);
              isChanged = true;
            },
          }),
        );

        expect(error).to.be.instanceOf(ContentError).with.property('code', 'changed-while-hashing');
        expect((error as Error).message).to.include(path);
      });
    }

    it('is refused when it has more content than its size says', async function () {
      if (!existsSync('/proc/version')) this.skip();

      expect(await rejection(hasher.hash('/proc/version', { signal }))).to.have.property(
        'code',
        'changed-while-hashing',
      );
    });
  });

  describe('what is no file', () => {
    it('is refused with its code and path, and the next file is hashed', async () => {
      await mkdir(dir.join('folder'));
      await promisify(execFile)('mkfifo', [dir.join('fifo')]);

      for (const [name, code] of [
        ['folder', 'is-directory'],
        ['fifo', 'not-a-file'],
        ['none', 'not-found'],
      ] as const) {
        const error = await rejection(hasher.hash(dir.join(name), { signal }));
        expect(error).to.be.instanceOf(ContentError).with.property('code', code);
        expect((error as Error).message).to.include(dir.join(name));
      }
      expect((await hasher.hash(await fileOf(Buffer.from('x')), { signal })).size).to.equal(1);
    });

    it('is what has more than 4 TiB, before a byte is read', async () => {
      const path = await fileOf(Buffer.alloc(0));
      await truncate(path, TOO_LARGE.size);

      const error = await rejection(hasher.hash(path, { signal }));

      expect(error).to.be.instanceOf(ContentError).with.property('code', 'too-large');
      expect((error as Error).message)
        .to.include(path)
        .and.to.include('4 TiB');
    });
  });

  describe('abort', () => {
    it('ends the work under way at once, and the hasher goes on with the next file', async () => {
      const path = await emptyFileOf(4 * LONG);
      const controller = new AbortController();
      const reports: number[] = [];

      const error = await rejection(
        slowHasher.hash(path, {
          signal: controller.signal,
          onProgress: (bytes) => {
            reports.push(bytes);
            controller.abort(new Error('enough'));
          },
        }),
      );

      expect(error).to.have.property('message', 'enough');
      expect(reports).to.have.lengthOf(1);
      expect((await slowHasher.hash(await fileOf(Buffer.from('x')), { signal })).size).to.equal(1);
    });

    it('before the start opens nothing', async () => {
      const stopped = AbortSignal.abort(new Error('never mind'));

      expect(await rejection(slowHasher.hash(dir.join('none'), { signal: stopped }))).to.have.property(
        'message',
        'never mind',
      );
    });

    it('takes a waiting file out of the queue', async () => {
      const long = slowHasher.hash(await emptyFileOf(LONG), { signal });
      const controller = new AbortController();
      const waiting = rejection(slowHasher.hash(await fileOf(Buffer.from('x')), { signal: controller.signal }));

      controller.abort(new Error('not that one'));

      expect(await waiting).to.have.property('message', 'not that one');
      expect((await long).size).to.equal(LONG);
    });
  });

  describe('close', () => {
    it('stops what is under way, may be called twice, and takes nothing new', async () => {
      const path = await emptyFileOf(4 * LONG);
      const started = Promise.withResolvers<void>();
      const work = rejection(slowHasher.hash(path, { signal, onProgress: () => started.resolve() }));
      await started.promise;

      await Promise.all([slowHasher.close(), slowHasher.close()]);

      expect(await work).to.have.property('name', 'AbortError');
      expect(await rejection(slowHasher.hash(path, { signal }))).to.have.property('name', 'AbortError');
    });

    it('is not needed for the process to end', async () => {
      const { maxRssKiB } = await hashInChild(await fileOf(Buffer.from('x')));

      expect(maxRssKiB).to.be.greaterThan(0);
    });
  });

  it('needs at most 20 MB more memory for 2 GiB than for 64 MiB', async () => {
    const small = await hashInChild(await emptyFileOf(64 * MIB, 'small'));
    const large = await hashInChild(await emptyFileOf(2 * LONG, 'large'));

    expect(large.maxRssKiB - small.maxRssKiB).to.be.below(20_000);
  });

  for (const threads of [0, -1, 1.5, NaN]) {
    it(`refuses ${threads} threads at construction`, () => {
      expect(() => new FileHasher({ threads })).to.throw(RangeError, `not ${threads}`);
    });
  }
});

function writeDatedBack(path: string): void {
  const { atime, mtime } = statSync(path);
  const fd = openSync(path, 'r+');
  writeSync(fd, '!', 5);
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

function replace(path: string): void {
  writeFileSync(`${path}.new`, 'x');
  renameSync(`${path}.new`, path);
}

/** Hashes in another process, which is never told to close the hasher. */
async function hashInChild(path: string): Promise<{ maxRssKiB: number }> {
  const url = new URL('../../../peer/library/hashing/hash-file.js', import.meta.url).href;
  const script = `
    const { FileHasher } = await import(${JSON.stringify(url)});
    await new FileHasher().hash(${JSON.stringify(path)}, { signal: new AbortController().signal });
    process.stdout.write(String(process.resourceUsage().maxRSS));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  return { maxRssKiB: Number(stdout) };
}

function openBelow(folder: string): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return []; // The descriptor with which the folder itself was listed is closed by now.
    }
  });
}

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it did not reject'),
    (error: unknown) => error,
  );
}
