import { expect } from 'chai';

import type { ChunkRanges, PeerAnswer } from '../../common/protocol/peer-messages.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';
import { announceHave } from '../../peer/upload/lane-notices.js';
import type { SharedFile } from '../../peer/upload/shared-file.js';

/** From news to the line that tells it, ms. */
const TICK_MS = 100;
/** More than go together. */
const FILES = 200;

describe('News of files that grow inside a folder', () => {
  let clock: VirtualClock;
  /** What a fellow downloader is told, by file. */
  let told: Map<string, number[]>;
  let isUnread: boolean;
  let chunkCame: (index: number, fileId: string) => void;
  let entryCame: (index: number, fileId: string) => void;
  let undo: () => void;
  beforeEach(() => {
    clock = new VirtualClock();
    told = new Map();
    isUnread = false;
    const connection = {
      get hasUnreadLines() {
        return isUnread;
      },
      send: (line: Extract<PeerAnswer, { type: 'have' }>) => {
        isUnread = true; // A line waits at least until this turn is over.
        const [what, ranges] = line.file === undefined ? ['entries', line.entries] : [line.file, line.have];
        told.set(what, [...(told.get(what) ?? []), ...((ranges ?? []) as ChunkRanges).flat()]);
      },
    } as unknown as PeerConnection;
    const folder = {
      onChunk: (fn: typeof chunkCame) => {
        chunkCame = fn;
        return () => undefined;
      },
      onEntry: (fn: typeof entryCame) => {
        entryCame = fn;
        return () => undefined;
      },
    };
    undo = announceHave(connection, { ticketId: 'ticket', shared: { folder } as unknown as SharedFile, clock });
  });
  afterEach(() => undo());

  const tick = (): void => {
    clock.advance(TICK_MS);
    isUnread = false;
  };

  it('go together, however many of them grow within one tick', () => {
    for (const index of [0, 1]) for (const file of ['a', 'b', 'c']) chunkCame(index, file);

    tick();

    expect([...told]).to.deep.equal(['a', 'b', 'c'].map((file) => [file, [0, 2]]));
  });

  it('come in a few ticks when they are very many, each once', () => {
    for (let file = 0; file < FILES; file += 1) chunkCame(file, `file ${file}`);

    tick();
    tick();
    tick();

    expect([...told]).to.deep.equal(Array.from({ length: FILES }, (_, file) => [`file ${file}`, [file, file + 1]]));
  });

  it('wait while what was told before is unread, and are none when the file is whole by then', () => {
    isUnread = true;
    chunkCame(0, 'a');
    chunkCame(0, 'b');

    tick();
    expect([...told]).to.deep.equal([]);
    entryCame(7, 'a');
    tick();

    expect([...told]).to.deep.equal([
      ['entries', [7, 8]],
      ['b', [0, 1]],
    ]);
  });
});
