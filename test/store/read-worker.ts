/** A read of a store that takes long: it begins at once, and ends after `readMs`. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { ReadsBeside } from '../../tracker/store/reads-beside.js';

const { path, reads, readMs } = workerData as { path: string; reads: SharedArrayBuffer; readMs: number };
const database = new DatabaseSync(path, { readOnly: true });
const beside = new ReadsBeside(reads);
beside.begin();
database.exec('BEGIN; SELECT count(*) FROM accounts');
parentPort?.postMessage('begun');
setTimeout(() => {
  database.exec('COMMIT');
  beside.end();
  database.close();
}, readMs);
