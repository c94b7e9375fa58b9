import { createHash } from 'node:crypto';
import { expect } from 'chai';

import { fileIdOf, manifestOfBytes } from '../../common/content/manifest.js';
import { ChunkSet } from '../../peer/download/chunk-set.js';
import { FolderIntake, type LargeFile } from '../../peer/download/folder/folder-intake.js';
import { RateMeter } from '../../peer/file-port/rate-meter.js';
import { seededBytes } from '../support/temp.js';

const CHUNK = 256 * 1024;
const FILES = 12;
const CHUNKS_EACH = 3;
const CHUNKS = FILES * CHUNKS_EACH;

const large: readonly LargeFile[] = Array.from({ length: FILES }, (_, index) => {
  const manifest = manifestOfBytes(seededBytes(CHUNKS_EACH * CHUNK, index));
  const entry = { path: `${index}.bin`, size: manifest.size, fileId: fileIdOf(manifest), executable: false };
  return { wanted: { to: entry.path, entry, index }, manifest, held: new ChunkSet(CHUNKS_EACH) };
});

describe('A folder of large files that two fetch at once', () => {
  it('is sent about once by its publisher, though only whole files can be passed on', () => {
    const devices = ['ann', 'ben'].map((user) => createHash('sha256').update(user).digest('hex'));
    const fetchers = devices.map((ownPin) => fetcher({ ownPin, others: devices.filter((pin) => pin !== ownPin) }));

    let sent = 0;
    while (fetchers.some(({ scheduler }) => !scheduler.isComplete))
      for (const [own, { scheduler }] of fetchers.entries()) {
        const fellow = scheduler.next('fellow', 1);
        const wish = fellow ?? scheduler.next('publisher', 1);
        if (wish === undefined) continue;
        if (fellow === undefined) sent += 1;
        fetchers[own]?.take(fellow === undefined ? 'publisher' : 'fellow', wish.first);
        fetchers[1 - own]?.scheduler.addChunks('fellow', fetchers[own]?.whole() ?? []);
      }

    expect(sent).to.be.within(CHUNKS, 1.15 * CHUNKS);
  });
});

/** One who fetches all of it from a publisher and from a fellow, who has nothing yet. */
function fetcher({ ownPin, others }: { ownPin: string; others: readonly string[] }) {
  const { scheduler } = new FolderIntake({
    ...{ small: [], large, isApart: false, meter: new RateMeter(), sessions: () => [], ownPin },
    swarm: { devices: others, full: 1 },
    writeSmall: async () => [],
    writeChunk: async () => true,
    ...{ onCredit: ignore, onWritten: ignore, onMissing: ignore, onArrived: ignore, onFailed: ignore },
  });
  scheduler.setSource('publisher', 'all');
  scheduler.setSource('fellow', []);
  const done = new ChunkSet(CHUNKS);
  const isWhole = (file: number): boolean =>
    Array.from({ length: CHUNKS_EACH }, (_, chunk) => done.has(file * CHUNKS_EACH + chunk)).every(Boolean);
  return {
    scheduler,
    take: (from: string, index: number): void => {
      scheduler.arrived(from, index);
      done.add(index);
    },
    /** What it can pass on. */
    whole: (): [number, number][] =>
      large.flatMap((_, file) => (isWhole(file) ? [[file * CHUNKS_EACH, (file + 1) * CHUNKS_EACH]] : [])),
  };
}

function ignore(): void {
  // nobody asks here
}
