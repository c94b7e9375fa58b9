import { createHash } from 'node:crypto';
import { expect } from 'chai';

import { fileIdOf, manifestOfBytes } from '../../common/content/manifest.js';
import { ChunkSet } from '../../peer/download/chunk-set.js';
import { FolderIntake, type LargeFile } from '../../peer/download/folder/folder-intake.js';
import type { SourceSession } from '../../peer/download/source-session.js';
import { RateMeter } from '../../peer/file-port/rate-meter.js';
import { seededBytes } from '../support/temp.js';

const CHUNK = 256 * 1024;
const FILES = 12;
const CHUNKS_EACH = 3;
const CHUNKS = FILES * CHUNKS_EACH;
const FELLOW = { sourceId: 'fellow' } as SourceSession;

const large: readonly LargeFile[] = Array.from({ length: FILES }, (_, index) => {
  const manifest = manifestOfBytes(seededBytes(CHUNKS_EACH * CHUNK, index));
  const entry = { path: `${index}.bin`, size: manifest.size, fileId: fileIdOf(manifest), executable: false };
  return { wanted: { to: entry.path, entry, index }, manifest, held: new ChunkSet(CHUNKS_EACH) };
});

describe('A folder of large files that two fetch at once', () => {
  it('is sent about once by its publisher, since each chunk is passed on as it comes', () => {
    const devices = ['ann', 'ben'].map((user) => createHash('sha256').update(user).digest('hex'));
    const fetchers = devices.map((ownPin) => fetcher({ ownPin, others: devices.filter((pin) => pin !== ownPin) }));

    let sent = 0;
    while (fetchers.some(({ scheduler }) => !scheduler.isComplete))
      for (const [own, { scheduler }] of fetchers.entries()) {
        const fellow = scheduler.next('fellow', 1);
        const wish = fellow ?? scheduler.next('publisher', 1);
        if (wish === undefined) continue;
        if (fellow === undefined) sent += 1;
        scheduler.arrived(fellow === undefined ? 'publisher' : 'fellow', wish.first);
        const chunk = wish.first % CHUNKS_EACH;
        const { fileId } = large[(wish.first - chunk) / CHUNKS_EACH]!.wanted.entry;
        fetchers[1 - own]?.chunksInside(FELLOW, fileId, [[chunk, chunk + 1]]);
      }

    expect(sent).to.be.within(CHUNKS, 1.15 * CHUNKS);
  });
});

/** One who fetches all of it from a publisher and from a fellow, who has nothing yet. */
function fetcher({ ownPin, others }: { ownPin: string; others: readonly string[] }): FolderIntake {
  const intake = new FolderIntake({
    ...{ small: [], large, isApart: false, meter: new RateMeter(), sessions: () => [], ownPin },
    swarm: { devices: others, full: 1 },
    writeSmall: async () => [],
    writeChunk: async () => true,
    arrived: { add: ignore, addChunk: ignore },
    ...{ onCredit: ignore, onWritten: ignore, onMissing: ignore, onFailed: ignore },
  });
  intake.scheduler.setSource('publisher', 'all');
  intake.scheduler.setSource('fellow', []);
  return intake;
}

function ignore(): void {
  // nobody asks here
}
