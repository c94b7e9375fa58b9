/** A store in a process whose system calls are recorded: says on its output what it begins and what it has acknowledged. */
import { writeSync } from 'node:fs';
import { commit, openWithAlice } from './store-image.js';

const [, , path = '', commits = '0'] = process.argv;
const engine = await openWithAlice(path);
for (let index = 0; index < Number(commits); index += 1) {
  await commit(engine, `file ${index}`);
  writeSync(1, 'ack\n');
}
engine.close();
