import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { ReadsBeside } from '../../tracker/store/reads-beside.js';
import { openEngine } from '../../tracker/store/sqlite-engine.js';
import { tempDir } from '../support/temp.js';
import { commit, takeImage } from './store-image.js';
import { addUsers } from './store-samples.js';

const READ_MS = 100;

describe('PageGuard', () => {
  it('moves all pages when a read that sees older ones has ended, and the log is written from its beginning', async () => {
    await using dir = await tempDir({ ram: true });
    const path = dir.join('tracker.sqlite');
    const reads = ReadsBeside.shared();
    const engine = openEngine({ path, shouldVerify: true, reads });
    await addUsers(engine.methods, 'alice');
    const worker = new Worker(new URL('./read-worker.js', import.meta.url), {
      workerData: { path, reads, readMs: READ_MS },
    });
    const ended = once(worker, 'exit');
    await once(worker, 'message');
    await commit(engine, 'newer than what is read');
    const long = takeImage(path)['-wal']?.subarray(0, 32);

    const isMoved = engine.guard.empty();
    await commit(engine, 'after that');
    const begun = takeImage(path)['-wal']?.subarray(0, 32);
    await ended;
    engine.close();

    expect(isMoved).to.equal(true);
    expect(begun, 'a log has a salt of its own').not.to.deep.equal(long);
  });
});
