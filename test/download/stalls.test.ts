import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { LEAST_BYTES_PER_SECOND, ProgressWatch } from '../../peer/download/progress-watch.js';
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
      watch.progress(0);
      watch.excuse();
    }
    watch.rest();
    clock.advance(1_000_000);

    expect(faults).to.deep.equal([]);
    expect(clock.pendingTimers).to.equal(0);
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
});
