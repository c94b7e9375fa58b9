/**
 * F19: every system call of a store is recorded, and what a power loss may leave at each of them is opened. There must be exactly
 * what was acknowledged, and at most the one change more that was being made. Needs strace; without it the test is left out.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { CrashModel, type FileEvent, readTrace } from '../store/crash-model.js';
import { namesIn } from '../store/store-image.js';
import { type Random, randomFrom, seedFor } from '../support/seed.js';
import { tempDir } from '../support/temp.js';

/** Enough for two moves of pages from the log to the database, and the third one at the end. */
const COMMITS = 150;
const STATES = Number(process.env['STATES'] ?? 1_000);
const CALLS = 'pwrite64,write,ftruncate,fsync,fdatasync,openat,unlink,rename';
const PROGRAM = fileURLToPath(new URL('../store/traced-store.js', import.meta.url));

describe('a store after a power loss at any moment', function () {
  this.timeout(900_000);

  let events: FileEvent[];
  before(async function () {
    if (spawnSync('strace', ['-o', '/dev/null', 'true']).status !== 0) this.skip();
    await using dir = await tempDir({ ram: true });
    const folder = dir.join('data');
    mkdirSync(folder);
    const trace = dir.join('trace');
    const traced = ['-f', '-y', '-xx', '-s', '70000', '-e', `trace=${CALLS}`, '-o', trace];
    const program = [process.execPath, PROGRAM, join(folder, 'tracker.sqlite'), String(COMMITS)];
    const { status, stderr } = spawnSync('strace', [...traced, ...program], { encoding: 'utf8', timeout: 120_000 });
    expect(status, stderr).to.equal(0);
    events = readTrace(readFileSync(trace, 'latin1'), folder);
  });

  it(`has what was acknowledged, and nothing else, in each of ${STATES} states`, async () => {
    const random = randomFrom(seedFor('crash states'));

    const moments = await wrongMoments(events, { random, states: STATES });

    process.stdout.write(`      ${events.length} recorded calls, ${STATES} states\n`);
    expect(moments).to.deep.equal([]);
  });

  it('is found wanting when its syncs are left out: the states are those that matter', async () => {
    const unsynced = events.filter(({ kind }) => kind !== 'sync');

    const random = randomFrom(seedFor('without syncs'));
    const moments = await wrongMoments(unsynced, { random, states: 100, most: 1 });

    expect(moments).to.not.deep.equal([]);
  });
});

/** In which states there was something else than there had to be, and after how many calls; looks no further than `most` of them. */
async function wrongMoments(
  events: readonly FileEvent[],
  { random, states, most = Infinity }: { random: Random; states: number; most?: number },
): Promise<string[]> {
  await using dir = await tempDir({ ram: true });
  const model = new CrashModel();
  const wrong: string[] = [];
  let made = 0;
  for (const [index, event] of events.entries()) {
    model.apply(event);
    for (; made < ((index + 1) / events.length) * states; made += 1) {
      const problem = await problemOf(model.state(random), { folder: dir.join('state'), least: model.acknowledged });
      if (problem !== undefined) wrong.push(`after call ${index} of ${events.length}: ${problem}`);
      if (wrong.length >= most) return wrong;
    }
  }
  return wrong;
}

async function problemOf(
  state: ReadonlyMap<string, Buffer>,
  { folder, least }: { folder: string; least: number },
): Promise<string | undefined> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, bytes] of state) writeFileSync(join(folder, name), bytes);
  let names: string[];
  try {
    names = await namesIn(join(folder, 'tracker.sqlite'));
  } catch (error) {
    return String(error);
  }
  const has = (count: number): boolean =>
    names.length === count &&
    Array.from({ length: count }, (_, index) => `file ${index}`).every((name) => names.includes(name));
  return has(least) || has(least + 1) ? undefined : `${least} acknowledged, there are ${names.length}: ${names.at(-1)}`;
}
