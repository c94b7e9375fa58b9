import { expect } from 'chai';

import { manifestOfBytes } from '../../common/content/manifest.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { ChunkRanges } from '../../common/protocol/peer-messages.js';
import { ChunkBuffers } from '../../peer/download/chunk-buffers.js';
import { Scheduler } from '../../peer/download/scheduler.js';
import type { SessionSink } from '../../peer/download/session-sink.js';
import { SourceFault } from '../../peer/download/source-fault.js';
import { SourceHoldings } from '../../peer/download/source-holdings.js';
import { SourceSession } from '../../peer/download/source-session.js';
import { SpanReceiver } from '../../peer/download/span-receiver.js';
import { SwarmPart } from '../../peer/download/swarm-part.js';
import type { AnswerReceiver, PeerConnection } from '../../peer/file-port/peer-connection.js';
import { seededBytes } from '../support/temp.js';

const CHUNK = 256 * 1024;
const CHUNKS = 6;
const PIN = 'ab'.repeat(32);

interface Asked {
  readonly first: number;
  readonly receiver: AnswerReceiver;
  isCancelled: boolean;
}

describe('What is asked of a source', () => {
  const manifest = manifestOfBytes(seededBytes(CHUNKS * CHUNK, 1));
  let asked: Asked[];
  let session: SourceSession;
  beforeEach(() => {
    asked = [];
    const connection = {
      ...{ listen: ignore, onClose: ignore, pause: ignore, resume: ignore, send: ignore, close: ignore, end: ignore },
      request: ({ first }: { first: number }, receiver: AnswerReceiver) =>
        asked.push({ first, receiver, isCancelled: false }) - 1,
      cancel: (id: number) => {
        const request = asked[id];
        if (request !== undefined) request.isCancelled = true;
      },
      ...{ forsake: ignore, isOpen: true, address: '' },
    } as unknown as PeerConnection;
    session = new SourceSession({
      ...{ sourceId: 'alice', connection, size: manifest.size, isReplaceable: () => false },
    });
    const scheduler = new Scheduler({ total: CHUNKS, isJoined: () => false });
    const sink: SessionSink = {
      ...{ scheduler, chunkBytes: CHUNK, onBytes: ignore, onDuplicate: ignore },
      leastWindowBytes: 2 * CHUNKS * CHUNK,
      swarm: new SwarmPart({ ownPin: PIN, total: CHUNKS, sessions: () => [session] }),
      chunksOf: () => undefined,
      ask: (_session, span, { onWhole: _, ...events }) => ({
        request: { type: 'chunks', ...span },
        receiver: new SpanReceiver({ ...events, span, manifest, buffers: new ChunkBuffers(CHUNK), onChunk: ignore }),
      }),
    };
    session.fetch(sink);
    scheduler.setSource('alice', 'all');
    session.pump();
  });
  afterEach(() => session.fail(new SourceFault('left', 'is not needed any more')));

  it('is asked for once more when it was taken back, not again when the source says so', () => {
    expect(asked.map(({ first }) => first)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    session.dropWaiting();
    const takenBack = asked.filter(({ isCancelled }) => isCancelled);
    expect(takenBack.map(({ first }) => first)).to.deep.equal([1, 2, 3, 4, 5]);

    for (const { receiver } of takenBack) receiver.onError(new ProtocolError('cancelled'));

    const valid = asked.filter(({ isCancelled }) => !isCancelled).map(({ first }) => first);
    expect(valid.toSorted()).to.deep.equal([0, 1, 2, 3, 4, 5]);
  });
});

describe('What a source that fetches the folder itself says that it has', () => {
  it('stays what it has of the folder when its ticket is renewed', () => {
    const holdings = new SourceHoldings(100);
    const fellow = { sourceId: 'fellow' } as SourceSession;
    const scheduler = new Scheduler({ total: 4, isJoined: () => false });
    const chunksOf = (): ChunkRanges | undefined =>
      holdings.hasAllEntries
        ? undefined
        : [0, 1, 2, 3].filter((entry) => holdings.hasEntry(entry)).map((entry) => [entry, entry + 1]);
    const sink = { scheduler, chunksOf } as unknown as SessionSink;
    const opened = (entries: ChunkRanges): void => {
      holdings.setEntries(entries);
      holdings.take({ have: 'all', entries }, sink, fellow);
    };
    holdings.setEntries([[0, 1]]);
    holdings.take({ have: 'all', entries: [[0, 1]] }, undefined, fellow);
    holdings.startIn(sink, fellow);
    scheduler.setSource('publisher', 'all');
    holdings.take({ have: [], entries: [[3, 4]] }, sink, fellow);

    // Only the first ranges: what it said before stays.
    opened([
      [0, 1],
      [2, 3],
    ]);

    const wishes = Array.from({ length: 4 }, () => scheduler.next('fellow', 1)?.first);
    expect(wishes.toSorted()).to.deep.equal([0, 2, 3, undefined]);
    expect([0, 1, 2, 3].map((entry) => holdings.hasEntry(entry))).to.deep.equal([true, false, true, true]);
  });
});

function ignore(): void {
  // nobody asks here
}
