import { rm, statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fetchedBytes } from '../e2e/json-results.js';
import { World } from '../e2e/world.js';
import { peakMemory, peakMemoryUntilExit } from '../support/proc.js';
import type { RunningProgram, ServeHandle } from '../support/program.js';
import { integerBetween, randomFrom, seedFor } from '../support/seed.js';
import { sameBytes } from '../support/temp.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const SIZE = 5 * GIB;
const CHUNK = 256 * 1024;
const SOURCE_KILLS = 6;
/** Two copies of the file, and room for the programs. */
const RAM_NEEDED = 2 * SIZE + 3 * GIB;
/** One get of 64 MiB may end before the first garbage collection: the peak is the largest of several. */
const SMALL_RUNS = 5;
const MAX_GROWTH_BYTES = 20 * MIB;

describe('a file of 5 GiB', function () {
  this.timeout(900_000);
  let world: World;

  beforeEach(async () => {
    world = await World.open({ ram: await hasRoomInMemory() });
  });

  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('arrives byte-identical although its source, its downloader and the tracker are killed at random points', async () => {
    const random = randomFrom(seedFor('five-gib'));
    let alice = await world.serve('alice');
    const path = await world.file('alice', 'huge.bin', SIZE);
    await world.publish('alice', path);

    let download = await world.start('bob', ['get', 'huge.bin']);
    let againBytes = 0;
    for (let kill = 1; kill <= SOURCE_KILLS; kill += 1) {
      const point = SIZE * ((kill - 0.5) / (SOURCE_KILLS + 2)) + integerBetween(random, 0, 64 * MIB);
      await reached(download, point);
      alice.process.kill('SIGKILL');
      await alice.process.exit;
      alice = await world.serve('alice');
      if (download.ended === undefined) continue;
      againBytes += wasted(download);
      print(`the get gave up after kill ${kill} with exit code ${download.ended.code}; it is begun again`);
      download = await world.start('bob', ['get', 'huge.bin']);
    }
    await reached(download, SIZE * 0.8);
    const before = lastTransfer(download);
    againBytes += wasted(download);
    download.kill('SIGKILL');
    await download.exit;

    download = await world.start('bob', ['get', 'huge.bin']);
    await reached(download, SIZE * 0.9);
    await world.killTracker();
    const end = await download.waitForExit(120_000);
    await world.startTracker();

    expect(end.code, download.describe().slice(-2000)).to.equal(0);
    const last = lastTransfer(download);
    const afterwards = last.receivedBytes + last.resumedBytes - SIZE;
    const lostByKill = before.doneBytes - last.resumedBytes;
    print(
      `${SOURCE_KILLS} source kills, 1 downloader kill, 1 tracker kill: ${againBytes} bytes fetched again, ${afterwards} of the last run`,
    );
    expect(againBytes).to.be.at.most(SOURCE_KILLS * CHUNK);
    expect(afterwards).to.equal(0);
    expect(lostByKill, 'what had been verified was kept').to.be.at.most(CHUNK);
    expect(await sameBytes(path, join(world.place('bob').downloads, 'huge.bin'))).to.equal(true);
  });

  it('needs at most 20 MB more memory at either end than one of 64 MiB', async () => {
    const small = await peaks(world, 'small.bin', 64 * MIB, SMALL_RUNS);
    const large = await peaks(world, 'large.bin', SIZE, 1);

    const inMib = (bytes: number): string => (bytes / MIB).toFixed(1);
    print(
      `peak of the source ${inMib(small.source)} → ${inMib(large.source)} MiB, of the downloader ${inMib(small.downloader)} → ${inMib(large.downloader)} MiB`,
    );
    print(`5 GiB in ${large.seconds.toFixed(1)} s: ${(SIZE / MIB / large.seconds).toFixed(0)} MiB/s`);
    expect(large.source - small.source).to.be.at.most(MAX_GROWTH_BYTES);
    expect(large.downloader - small.downloader).to.be.at.most(MAX_GROWTH_BYTES);
  });
});

interface Peaks {
  readonly source: number;
  readonly downloader: number;
  readonly seconds: number;
}

/** Publishes and fetches, each time with a downloader that did nothing else before. */
async function peaks(world: World, name: string, size: number, runs: number): Promise<Peaks> {
  const alice: ServeHandle = await world.serve('alice');
  const path = await world.file('alice', name, size);
  await world.publish('alice', path);
  let downloader = 0;
  const from = performance.now();
  for (let run = 0; run < runs; run += 1) {
    await rm(join(world.place('bob').downloads, name), { force: true });
    const download = await world.start('bob', ['get', name]);
    downloader = Math.max(downloader, await peakMemoryUntilExit(download.pid));
    expect((await download.waitForExit()).code, download.describe().slice(-2000)).to.equal(0);
  }
  const seconds = (performance.now() - from) / 1000 / runs;
  const source = await peakMemory(alice.process.pid);
  expect(await sameBytes(path, join(world.place('bob').downloads, name))).to.equal(true);
  await alice.process.stop();
  return { source, downloader, seconds };
}

interface Transfer {
  readonly doneBytes: number;
  readonly receivedBytes: number;
  readonly resumedBytes: number;
}

async function reached(download: RunningProgram, bytes: number): Promise<void> {
  await download.waitForEvent('transfer', { where: (event) => fetchedBytes(event) >= bytes, timeoutMs: 180_000 });
}

function lastTransfer(download: RunningProgram): Transfer {
  const event = download.jsonEvents().findLast((one) => 'transfer' in one) as { transfer?: Transfer } | undefined;
  if (event?.transfer === undefined) throw new Error(download.describe());
  return event.transfer;
}

/** Bytes that came and did not stay. What is under way at the moment of one event is not in the smallest of many. */
function wasted(download: RunningProgram): number {
  const events = download.jsonEvents().slice(-20) as unknown as { transfer?: Transfer }[];
  const transfers = events.flatMap(({ transfer }) => (transfer === undefined ? [] : [transfer]));
  return Math.min(
    ...transfers.map(({ receivedBytes, resumedBytes, doneBytes }) => receivedBytes + resumedBytes - doneBytes),
  );
}

async function hasRoomInMemory(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs('/dev/shm');
    return freemem() > RAM_NEEDED && bavail * bsize > RAM_NEEDED;
  } catch {
    return false; // no such folder on this system
  }
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
