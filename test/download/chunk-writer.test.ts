import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { Worker } from 'node:worker_threads';

import { expect } from 'chai';

import { blake3 } from '../../common/content/blake3.js';
import { ChunkBuffers } from '../../peer/download/chunk-buffers.js';
import { ChunkWriter } from '../../peer/download/chunk-writer.js';
import { fileProblem } from '../../peer/download/file-problem.js';
import type { ArrivedChunk } from '../../peer/download/write-chunk.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const CHUNK = 256 * 1024;

/** Chunk `index` of a file in which each has another byte, as it comes from a source. */
function chunkOf(index: number): ArrivedChunk {
  const bytes = new ChunkBuffers(CHUNK).take().fill(index);
  return { bytes, offset: index * CHUNK, hash: blake3(bytes) };
}

for (const where of ['here', 'in a thread'] as const) {
  describe(`ChunkWriter, ${where}`, () => {
    let dir: TempDir;
    let writer: ChunkWriter;
    let file: FileHandle;
    let expected: Disposable;
    let thread: Worker | undefined;
    beforeEach(async () => {
      dir = await tempDir();
      file = await open(dir.join('file'), 'wx+');
      writer = new ChunkWriter(CHUNK);
      thread = undefined;
      const seeThread = (worker: Worker): void => {
        thread = worker;
      };
      process.once('worker', seeThread);
      expected = writer.expect(where === 'here' ? CHUNK - 1 : CHUNK);
      if (where === 'in a thread') await waitFor(() => writer.hasThread);
      process.off('worker', seeThread);
    });
    afterEach(async () => {
      expected[Symbol.dispose]();
      await writer.stopped();
      await file.close();
      await dir[Symbol.asyncDispose]();
    });

    it('writes each chunk to its place, in whatever order they come', async () => {
      const answers = await Promise.all([2, 0, 3, 1].map((index) => writer.write(file, chunkOf(index))));

      expect(answers).to.deep.equal([true, true, true, true]);
      const expected = Buffer.concat([0, 1, 2, 3].map((index) => Buffer.alloc(CHUNK, index)));
      expect(expected.equals(await readFile(dir.join('file')))).to.equal(true);
    });

    it('writes nothing of a chunk in which one bit is wrong', async () => {
      const { bytes, ...chunk } = chunkOf(7);
      bytes[CHUNK - 1] = 6;

      expect(await writer.write(file, { bytes, ...chunk })).to.equal(false);

      expect((await file.stat()).size).to.equal(0);
    });

    it('passes on what the system says', async () => {
      const full = await open('/dev/full', 'w');
      const error = await writer.write(full, chunkOf(1)).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      await full.close();

      expect(fileProblem('film.bin', error).code).to.equal('disk-full');
      expect(await writer.write(file, chunkOf(0)), 'the next chunk').to.equal(true);
    });

    if (where === 'in a thread')
      it('fails what a thread that died was given, and goes on without it', async () => {
        // More than it can write in the time that handing them over takes.
        const chunk = chunkOf(1);
        const writing = Promise.allSettled(Array.from({ length: 1_000 }, () => writer.write(file, chunk)));
        void thread?.terminate();
        const last = (await writing).at(-1);

        const { code, message } = fileProblem('film.bin', last?.status === 'rejected' ? last.reason : undefined);

        expect({ code, message }).to.deep.equal({
          code: 'internal',
          message:
            'film.bin could not be written: the part of this program that writes ended by itself. What was fetched is kept. Get it again.',
        });
        expect(await writer.write(file, chunkOf(0))).to.equal(true);
      });

    it('writes what it was given before nothing was expected any more', async () => {
      const writing = Array.from({ length: 100 }, () => writer.write(file, chunkOf(1)));
      expected[Symbol.dispose]();

      expect(await Promise.all(writing)).to.deep.equal(writing.map(() => true));
    });

    it('leaves no thread behind when nothing is expected any more', async () => {
      expected[Symbol.dispose]();
      await writer.stopped();

      expect(thread?.threadId ?? -1).to.equal(-1);
      expected = writer.expect(0);
    });
  });
}
