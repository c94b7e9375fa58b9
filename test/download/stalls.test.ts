import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import {
  LEAST_BYTES_PER_SECOND,
  ProgressWatch,
  QUEUE_MOST_MS,
  QUEUE_STILL_MS,
} from '../../peer/download/progress-watch.js';
import type { SourceFault } from '../../peer/download/source-fault.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { type EvilOptions, evilSource } from './evil-source.js';
import { problemOf } from './expect-problem.js';
import { type Publication, requestFor, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const forever = { signal: new AbortController().signal };

describe('ProgressWatch', () => {
  let clock: VirtualClock;
  let faults: SourceFault[];
  let isReplaceable: boolean;
  let watch: ProgressWatch;
  beforeEach(() => {
    clock = new VirtualClock();
    faults = [];
    isReplaceable = true;
    watch = new ProgressWatch({ clock, isReplaceable: () => isReplaceable, onFault: (fault) => faults.push(fault) });
  });

  it('drops a source that does not begin within 10 s', () => {
    watch.start();
    clock.advance(9_999);
    expect(faults).to.deep.equal([]);
    clock.advance(1);
    expect(faults.map(({ kind }) => kind)).to.deep.equal(['stalled']);
  });

  it('drops a source that pauses for 15 s', () => {
    watch.start();
    watch.progress(1);
    clock.advance(14_999);
    watch.progress(1);
    clock.advance(14_999);
    expect(faults).to.deep.equal([]);
    clock.advance(1);
    expect(faults.map(({ kind }) => kind)).to.deep.equal(['stalled']);
  });

  /** `bytesPerSecond` for a minute. */
  function trickle(bytesPerSecond: number): void {
    watch.start();
    for (let second = 0; second < 60 && faults.length === 0; second += 1) {
      clock.advance(1_000);
      watch.progress(bytesPerSecond);
    }
  }

  it('drops a source of 1 B/s after 30 s when there is another', () => {
    trickle(1);
    expect(faults.map(({ kind }) => kind)).to.deep.equal(['slow']);
    expect(clock.monotonic()).to.be.within(30_000, 31_000);
  });

  it('keeps a source of 5 KiB/s', () => {
    trickle(LEAST_BYTES_PER_SECOND + 1_024);
    expect(faults).to.deep.equal([]);
  });

  it('keeps a source of 1 B/s when it is the only one', () => {
    isReplaceable = false;
    trickle(1);
    expect(faults).to.deep.equal([]);
  });

  it('blames nobody while nothing is due, or while a place in the queue is said', () => {
    watch.start();
    for (let n = 0; n < 20; n += 1) {
      clock.advance(5_000);
      watch.queued(1);
    }
    watch.rest();
    clock.advance(1_000_000);

    expect(faults).to.deep.equal([]);
    expect(clock.pendingTimers).to.equal(0);
  });

  /** Waits in a queue whose places `positionAt` says, until blamed; returns how long that took, ms. */
  function wait(positionAt: (ms: number) => number): number {
    watch.start();
    const from = clock.monotonic();
    while (faults.length === 0 && clock.monotonic() - from < 2 * QUEUE_MOST_MS) {
      clock.advance(5_000);
      watch.queued(positionAt(clock.monotonic() - from));
    }
    return clock.monotonic() - from;
  }

  it('drops a source in whose queue we do not move up for ten minutes', () => {
    expect(wait(() => 3)).to.be.within(QUEUE_STILL_MS, QUEUE_STILL_MS + 5_000);
    expect(faults[0]).to.include({ kind: 'stalled', message: 'let us wait in its queue for 10 minutes' });
  });

  it('waits longer where we move up, but no more than an hour without a byte', () => {
    expect(wait((ms) => 1_000 - Math.floor(ms / (QUEUE_STILL_MS - 5_000)))).to.be.within(
      QUEUE_MOST_MS,
      QUEUE_MOST_MS + 5_000,
    );
  });

  it('begins to count anew with every byte', () => {
    for (let n = 0; n < 10; n += 1) {
      watch.start();
      for (let ms = 0; ms < QUEUE_STILL_MS - 5_000; ms += 5_000) {
        clock.advance(5_000);
        watch.queued(1);
      }
      watch.progress(1);
    }

    expect(faults).to.deep.equal([]);
    watch.rest();
  });
});

describe('Download from a source that stalls', () => {
  let world: World;
  let publication: Publication;
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('film.bin', 6 * CHUNK);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const silence = (): void => undefined;
  const points: [string, EvilOptions][] = [
    ['before it answers the ticket', { onOpen: silence }],
    ['before the manifest', { onManifest: silence }],
    ['before the first byte', { onChunks: silence }],
    ['inside the line of a run', { onChunks: (_request, lane) => lane.raw(Buffer.from('{"type":"ru')) }],
    [
      'after the line of a run',
      { onChunks: ({ id, first }, lane) => lane.line({ type: 'run', id, offset: first * CHUNK, bytes: CHUNK }) },
    ],
    [
      'after one byte',
      {
        onChunks: ({ id, first }, lane) => {
          lane.line({ type: 'run', id, offset: first * CHUNK, bytes: CHUNK });
          lane.raw(lane.chunk(first).subarray(0, 1));
        },
      },
    ],
    [
      'before the last byte of a chunk',
      {
        onChunks: ({ id, first }, lane) => {
          lane.line({ type: 'run', id, offset: first * CHUNK, bytes: CHUNK });
          lane.raw(lane.chunk(first).subarray(0, CHUNK - 1));
        },
      },
    ],
    [
      'before the end of its answer',
      { onChunks: ({ id, first }, lane) => lane.run(id, first * CHUNK, lane.chunk(first)) },
    ],
  ];
  for (const [where, options] of points) {
    it(`drops one that stalls ${where} within 15 s and ends with another`, async () => {
      const clock = new VirtualClock();
      const evil = await evilSource(world, publication, options);
      const reader = await world.downloads('bob', [publication], { clock });
      const getting = reader.downloads.get(requestFor(publication, reader.folder), forever);
      await waitFor(() =>
        evil.lines.some(({ type }) => type === (options.onOpen ? 'open' : options.onManifest ? 'manifest' : 'chunks')),
      );
      await world.peer('alice', [publication]);
      let isDone = false;
      void getting.finally(() => {
        isDone = true;
      });
      // The virtual clock goes on only while nothing real is under way: 20 ms of silence stand for half a second.
      while (!isDone && clock.monotonic() < 40_000) {
        await clock.advanceAsync(250);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }

      const row = await getting;

      expect(await sameBytes(publication.path, row.path)).to.equal(true);
      expect(clock.monotonic()).to.be.below(20_000);
    });
  }

  it('fails within 20 s, with what it has kept, when the only source is gone', async () => {
    const clock = new VirtualClock();
    const evil = await evilSource(world, publication, {
      onChunks: ({ id, first }, lane) => {
        if (lane.socket.writableEnded) return;
        lane.run(id, first * CHUNK, lane.chunk(first));
        lane.socket.end();
      },
    });
    const reader = await world.downloads('bob', [publication], { clock });
    const outcome = problemOf(reader.downloads.get(requestFor(publication, reader.folder), forever));
    await waitFor(() => (reader.downloads.rows()[0]?.doneBytes ?? 0) > 0);
    world.sources.set(publication.publicationId, []);
    let isDone = false;
    void outcome.finally(() => {
      isDone = true;
    });
    const from = clock.monotonic();
    while (!isDone && clock.monotonic() - from < 40_000) {
      await clock.advanceAsync(250);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }

    expect((await outcome).code).to.equal('no-source');
    expect(clock.monotonic() - from).to.be.at.most(20_000);
    const again = await world.downloads('bob', [publication]);
    await world.peer('alice', [publication]);
    const row = await again.downloads.get(requestFor(publication, reader.folder), forever);
    expect(row.resumedBytes).to.be.at.least(CHUNK);
    expect(row.resumedBytes + row.receivedBytes).to.equal(publication.size);
    expect(evil.lanes.length).to.be.greaterThan(0);
  });

  /** Turns the clock until `outcome` is there, at most `mostMs`; 5 ms of silence stand for half a second. */
  async function turn(clock: VirtualClock, outcome: Promise<unknown>, mostMs: number): Promise<void> {
    let isDone = false;
    void outcome.finally(() => {
      isDone = true;
    });
    const from = clock.monotonic();
    while (!isDone && clock.monotonic() - from < mostMs) {
      await clock.advanceAsync(500);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(isDone, 'it ended').to.equal(true);
  }

  for (const [what, options] of [
    ['never sends a byte', { onChunks: silence }],
    ['says that it is busy', { onChunks: ({ id }, lane) => lane.line(refusal(id, 'busy')) }],
    ['takes back what nobody cancelled', { onChunks: ({ id }, lane) => lane.line(refusal(id, 'cancelled')) }],
    ['closes when it is asked', { onChunks: (_request, lane) => void lane.socket.end() }],
  ] as [string, EvilOptions][]) {
    it(`fails, naming it, when the only source ${what}, however often it is tried`, async () => {
      const clock = new VirtualClock();
      const evil = await evilSource(world, publication, options);
      const reader = await world.downloads('bob', [publication], { clock });
      const outcome = problemOf(reader.downloads.get(requestFor(publication, reader.folder), forever));

      await turn(clock, outcome, 120_000);

      expect(await outcome).to.include({ code: 'no-source' });
      expect((await outcome).message).to.include('mallory');
      expect(evil.lines.filter(({ type }) => type === 'chunks').length).to.be.below(100);
    });
  }

  it('fails when the only source keeps it in its queue for ever', async () => {
    const clock = new VirtualClock();
    const evil = await evilSource(world, publication, { onChunks: silence });
    const reader = await world.downloads('bob', [publication], { clock });
    const outcome = problemOf(reader.downloads.get(requestFor(publication, reader.folder), forever));
    let isDone = false;
    void outcome.finally(() => {
      isDone = true;
    });
    const shown = (): number | undefined => reader.downloads.rows()[0]?.sources[0]?.queuePosition;
    for (let position = 1; !isDone && clock.monotonic() < 2 * QUEUE_MOST_MS; position += 1) {
      const asked = evil.lines.findLast(({ type }) => type === 'chunks');
      if (asked !== undefined) evil.lanes.at(-1)?.line({ type: 'queued', id: asked.id, position });
      // The clock goes on at full speed only where the source has been heard.
      for (let n = 0; n < 20 && shown() !== position; n += 1) await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.advanceAsync(shown() === position ? 5_000 : 100);
    }

    expect(isDone, 'it ended').to.equal(true);
    expect(await outcome).to.include({ code: 'no-source' });
    expect((await outcome).message).to.include('mallory');
    expect(clock.monotonic(), 'a queue is waited for').to.be.within(QUEUE_STILL_MS, QUEUE_MOST_MS);
  });
});

function refusal(id: number, code: string): object {
  return { type: 'error', id, error: { code, message: 'no' } };
}
