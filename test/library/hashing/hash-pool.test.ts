import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { VirtualClock } from '../../../common/runtime/clock.js';
import type { HashSpan, SpanEnd } from '../../../peer/library/hashing/hash-messages.js';
import { HashPool, IDLE_THREADS_END_AFTER_MS } from '../../../peer/library/hashing/hash-pool.js';
import { hashOf } from '../../content/second-implementation.js';
import { seededBytes, type TempDir, tempDir } from '../../support/temp.js';

const MIB = 1024 * 1024;

describe('HashPool', () => {
  const { signal } = new AbortController();
  const content = seededBytes(9 * MIB + 5, 1);
  const options = { signal, onBytes: () => undefined };
  let dir: TempDir;
  let file: FileHandle;
  let pool: HashPool;
  let clock: VirtualClock;

  beforeEach(async () => {
    dir = await tempDir();
    await writeFile(dir.join('file'), content);
    file = await open(dir.join('file'));
    clock = new VirtualClock();
    pool = new HashPool(2, clock);
  });
  afterEach(async () => {
    await pool.close();
    await file.close();
    await dir[Symbol.asyncDispose]();
  });

  const span = (chunkSize: number, firstChunk: number, chunkCount: number): HashSpan => ({
    fd: file.fd,
    fileSize: content.length,
    chunkSize,
    firstChunk,
    chunkCount,
  });

  for (const chunkSize of [MIB / 4, MIB, 2 * MIB, 4 * MIB, 64 * MIB]) {
    it(`hashes chunks of ${chunkSize} bytes, whole or over several reads`, async () => {
      const count = Math.ceil(content.length / chunkSize);

      const end = await pool.hash(span(chunkSize, 0, count), options);

      const expected = Array.from({ length: count }, (_, index) =>
        hashOf(content.subarray(index * chunkSize, (index + 1) * chunkSize)),
      );
      expect(hashesOf(end)).to.deep.equal(Buffer.concat(expected));
    });
  }

  it('hashes chunks from the middle', async () => {
    const end = await pool.hash(span(2 * MIB, 1, 2), options);

    expect(hashesOf(end)).to.deep.equal(
      Buffer.concat([hashOf(content.subarray(2 * MIB, 4 * MIB)), hashOf(content.subarray(4 * MIB, 6 * MIB))]),
    );
  });

  it('says when the file ends before its size', async () => {
    const end = await pool.hash({ ...span(MIB, 0, 12), fileSize: 12 * MIB }, options);

    expect(end.kind).to.equal('short');
    expect(hashesOf(await pool.hash(span(MIB, 0, 1), options))).to.deep.equal(hashOf(content.subarray(0, MIB)));
  });

  it('gives the error of a read that fails', async () => {
    await using folder = await open(dir.path);

    const end = await pool.hash({ ...span(MIB, 0, 1), fd: folder.fd }, options);

    expect(end).to.have.property('kind', 'failed');
    expect(end).to.have.nested.property('error.message').that.includes('EISDIR');
  });

  it('ends its threads after a time without work, and starts new ones when there is work again', async () => {
    await Promise.all([pool.hash(span(MIB, 0, 9), options), pool.hash(span(MIB, 0, 9), options)]);
    expect(pool.size).to.equal(2);

    clock.advance(IDLE_THREADS_END_AFTER_MS - 1);
    expect(pool.size).to.equal(2);
    clock.advance(1);
    expect(pool.size).to.equal(0);

    expect((await pool.hash(span(MIB, 0, 1), options)).kind).to.equal('done');
    expect(pool.size).to.equal(1);
  });

  it('never has more threads than it may', async () => {
    await Promise.all(Array.from({ length: 9 }, (_, index) => pool.hash(span(MIB, index, 1), options)));

    expect(pool.size).to.equal(2);
  });
});

function hashesOf(end: SpanEnd): Buffer {
  return end.kind === 'done' ? Buffer.from(end.hashes) : expect.fail(`the span ended as ${end.kind}`);
}
