import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';

import type { FileId } from '../../common/content/file-id.js';
import { fileIdOf, manifestOfBytes } from '../../common/content/manifest.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { ChunkSet } from '../../peer/download/chunk-set.js';
import { ALONE } from '../../peer/download/fellows.js';
import { FolderIntake, type FolderIntakeOptions, type LargeFile } from '../../peer/download/folder/folder-intake.js';
import type { SpanRequest } from '../../peer/download/session-sink.js';
import type { SourceSession } from '../../peer/download/source-session.js';
import { RateMeter } from '../../peer/file-port/rate-meter.js';
import { seededBytes } from '../support/temp.js';

const CHUNK = 256 * 1024;
const FILES = 12;
const CHUNKS_EACH = 3;
const CHUNKS = FILES * CHUNKS_EACH;
const FELLOW = { sourceId: 'fellow' } as SourceSession;
const PINS = ['ann', 'ben'].map((user) => createHash('sha256').update(user).digest('hex'));
const NO_EVENTS = {
  ...{ onWhole: ignore, onBytes: ignore, onDuplicate: ignore, onQueued: ignore, onDone: ignore, onError: ignore },
};

const large: readonly LargeFile[] = Array.from({ length: FILES }, (_, index) => {
  const manifest = manifestOfBytes(seededBytes(CHUNKS_EACH * CHUNK, index));
  const entry = { path: `${index}.bin`, size: manifest.size, fileId: fileIdOf(manifest), executable: false };
  return { wanted: { to: entry.path, entry, index }, manifest, held: new ChunkSet(CHUNKS_EACH) };
});

describe('A folder of large files that two fetch at once', () => {
  it('is sent about once by its publisher, since each chunk is passed on as it comes', () => {
    const fetchers = PINS.map((ownPin) => fetcher({ ownPin, others: PINS.filter((pin) => pin !== ownPin) }));

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

describe('A large file of a folder that is not any more what was published', () => {
  it('is missing once, however many requests for it are refused', () => {
    const missing: string[] = [];
    const intake = intakeOf({ large: large.slice(0, 1), onMissing: ({ entry }) => missing.push(entry.path) });
    intake.scheduler.setSource('publisher', 'all');
    const publisher = { sourceId: 'publisher', hasAllEntries: true } as SourceSession;
    const requests = Array.from({ length: 2 }, () =>
      intake.ask(publisher, intake.scheduler.next('publisher', 1) ?? { first: -1, count: 0 }, NO_EVENTS),
    );

    const areOfUse = requests.map(({ receiver }) => intake.refused(publisher, receiver, new ProtocolError('changed')));

    expect(areOfUse).to.deep.equal([true, true]);
    expect(missing).to.deep.equal(['0.bin']);
  });
});

describe('Small files of a folder', () => {
  const small = Array.from({ length: 5 }, (_, index) => {
    const entry = { path: `${index}.txt`, size: 1_000, fileId: idOf(index), executable: false };
    return { to: entry.path, entry, index };
  });

  it('come from another source when one lied about some that the other was not asked for', async () => {
    const verdicts: PromiseWithResolvers<number[]>[] = [];
    const intake = intakeOf({
      small,
      writeSmall: () => {
        const verdict = Promise.withResolvers<number[]>();
        verdicts.push(verdict);
        return verdict.promise;
      },
    });
    const { scheduler } = intake;
    const [liar, honest] = ['liar', 'honest'].map((sourceId) => {
      scheduler.setSource(sourceId, 'all');
      return {
        sourceId,
        hasAllEntries: true,
        fail: () => scheduler.removeSource(sourceId),
      } as unknown as SourceSession;
    }) as [SourceSession, SourceSession];
    const ask = (session: SourceSession): SpanRequest =>
      intake.ask(session, scheduler.next(session.sourceId, 1) ?? { first: -1, count: 0 }, NO_EVENTS);

    const { receiver: lies } = ask(liar);
    lies.onRun?.(0, 2_000);
    lies.onBytes?.(Buffer.alloc(2_000));
    const refusal = new ProtocolError('changed');
    lies.onError?.(refusal); // Two files have come, of which one is wrong; the third is refused.
    intake.refused(liar, lies, refusal);
    scheduler.release('liar', lies.rest);
    const { receiver: rest } = ask(honest);
    rest.onRun?.(0, 2_000);
    rest.onBytes?.(Buffer.alloc(2_000));
    verdicts[0]?.resolve([0]);
    await turn();
    rest.onEnd?.();
    verdicts[1]?.resolve([]);
    await turn();

    expect(ask(honest).request).to.deep.equal({ type: 'files', files: [idOf(0)] });
  });
});

/** One who fetches all of it from a publisher and from a fellow, who has nothing yet. */
function fetcher({ ownPin, others }: { ownPin: string; others: readonly string[] }): FolderIntake {
  const intake = intakeOf({ large, ownPin, swarm: { devices: others, full: 1 } });
  intake.scheduler.setSource('publisher', 'all');
  intake.scheduler.setSource('fellow', []);
  return intake;
}

function intakeOf(options: Partial<FolderIntakeOptions>): FolderIntake {
  return new FolderIntake({
    ...{ small: [], large: [], isApart: false, meter: new RateMeter(), sessions: () => [], ownPin: PINS[0] ?? '' },
    swarm: ALONE,
    writeSmall: async () => [],
    writeChunk: async () => true,
    arrived: { add: ignore, addChunk: ignore },
    ...{ onCredit: ignore, onWritten: ignore, onMissing: ignore, onFailed: ignore },
    ...options,
  });
}

function idOf(index: number): FileId {
  return fileIdOf(manifestOfBytes(seededBytes(1_000, index)));
}

function ignore(): void {
  // nobody asks here
}
