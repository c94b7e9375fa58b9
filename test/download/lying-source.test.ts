import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'chai';

import { hastyClock } from '../support/hasty-clock.js';
import { sameBytes } from '../support/temp.js';
import { type EvilLane, type EvilOptions, evilSource, type Line } from './evil-source.js';
import { problemOf } from './expect-problem.js';
import { type Publication, requestFor, sharedFile, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const CHUNKS = 8;
/** What a socket hands over at once: it may hold more of the answer than the chunk that was wrong. */
const READ_BYTES = 64 * 1024;
const forever = { signal: new AbortController().signal };

/** How a source can spoil chunk `bad`. Each sends everything else as it should be. */
const mutations: Record<string, (request: Line, lane: EvilLane, bad: number) => void> = {
  'flips one bit of': (request, lane, bad) => {
    const bytes = lane.chunk(bad);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    sendWith(request, lane, (index) => (index === bad ? bytes : lane.chunk(index)));
  },
  'ends its answer inside': ({ id, first, count }, lane, bad) => {
    for (let index = first; index < first + count; index += 1) {
      if (index === bad) lane.run(id, index * CHUNK, lane.chunk(index).subarray(0, 1_000));
      if (index === bad) return lane.line({ type: 'end', id });
      lane.run(id, index * CHUNK, lane.chunk(index));
    }
    lane.line({ type: 'end', id });
  },
  'sends a byte too many after': ({ id, first, count }, lane, bad) => {
    for (let index = first; index < first + count; index += 1) {
      const isLast = index === first + count - 1;
      lane.run(
        id,
        index * CHUNK,
        index === bad && isLast ? Buffer.concat([lane.chunk(index), Buffer.from('x')]) : lane.chunk(index),
      );
      if (index === bad && !isLast) lane.raw(Buffer.from('x'));
    }
    lane.line({ type: 'end', id });
  },
  'sends another chunk in the place of': (request, lane, bad) => {
    sendWith(request, lane, (index) => lane.chunk(index === bad ? (bad + 1) % CHUNKS : index));
  },
  'sends runs in the wrong order around': ({ id, first, count }, lane, bad) => {
    for (let index = first; index < first + count; index += 1) {
      const at = index === bad ? index + 1 : index;
      lane.run(id, at * CHUNK, lane.chunk(at % CHUNKS));
    }
    lane.line({ type: 'end', id });
  },
};

function sendWith({ id, first, count }: Line, lane: EvilLane, bytesOf: (index: number) => Buffer): void {
  for (let index = first; index < first + count; index += 1) lane.run(id, index * CHUNK, bytesOf(index));
  lane.line({ type: 'end', id });
}

describe('Download from a source that lies', () => {
  let world: World;
  let publication: Publication;
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('film.bin', CHUNKS * CHUNK);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  for (const [what, mutate] of Object.entries(mutations)) {
    for (const [place, bad] of [
      ['first', 0],
      ['middle', 4],
      ['last', CHUNKS - 1],
    ] as const) {
      it(`names a source that ${what} the ${place} chunk, keeps no wrong byte and ends with the honest one`, async () => {
        const onChunks = (request: Line, lane: EvilLane): void => {
          if (bad >= request.first && bad < request.first + request.count) mutate(request, lane, bad);
          else lane.honest(request);
        };
        // The honest source comes only when the liar was caught, so that the liar is sure to be asked for the chunk.
        const liar = await evilSource(world, publication, { onChunks });
        const reader = await world.downloads('bob', [publication]);
        const getting = reader.downloads.get(requestFor(publication, reader.folder), {
          ...forever,
          onProgress: (row) => {
            if (
              row.sources[0]?.problem?.code === 'integrity' &&
              (world.sources.get(publication.publicationId)?.length ?? 0) < 2
            )
              joinHonest();
          },
        });
        const joinHonest = (): void => void world.peer('alice', [publication]);

        const row = await getting;

        expect(await sameBytes(publication.path, join(reader.folder, 'film.bin'))).to.equal(true);
        expect(reader.notices.join('\n')).to.match(/film\.bin: mallory (sent|ended|broke) .*dropped/);
        const strikes = liar.lanes.length;
        expect(
          row.receivedBytes,
          'one chunk wasted a strike, and what of the answer had arrived with it',
        ).to.be.at.most((CHUNKS + strikes) * CHUNK + READ_BYTES);
        expect(strikes, 'a source that lied is not asked again').to.equal(1);
      });
    }
  }

  it('names a source that leaves at once after a wrong chunk, also when a thread proves it', async () => {
    const online = Promise.withResolvers<void>();
    process.once('worker', (worker) => worker.once('online', online.resolve));
    const one = await world.publish('one.bin', CHUNK);
    const silent = await world.publish('other.bin', CHUNK);
    await evilSource(world, silent, { onChunks: () => undefined });
    const reader = await world.downloads('bob', [one, silent], { threadFromBytes: 1 });
    const stop = new AbortController();
    const held = reader.downloads
      .get(requestFor(silent, reader.folder), { signal: stop.signal })
      .catch(() => undefined); // Only there to keep the thread running.
    await online.promise;
    const flip = (request: Line, lane: EvilLane): void => {
      if (lane.socket.writableEnded) return;
      mutations['flips one bit of']?.(request, lane, request.first);
      lane.socket.end();
    };
    await evilSource(world, one, { onChunks: flip });

    const error = await problemOf(reader.downloads.get(requestFor(one, reader.folder), forever));

    expect(error.code).to.equal('integrity');
    expect(error.message).to.include('mallory');
    stop.abort();
    await held;
  });

  it('tells the source which chunk was bad', async () => {
    const flip = (request: Line, lane: EvilLane): void => mutations['flips one bit of']?.(request, lane, request.first);
    const liar = await evilSource(world, publication, { onChunks: flip });
    const reader = await world.downloads('bob', [publication], { clock: hastyClock });

    await problemOf(reader.downloads.get(requestFor(publication, reader.folder), forever));

    expect(liar.lines.filter(({ type }) => type === 'bad-chunk')).to.have.length.at.least(1);
  });

  it('fails with "integrity" when the only source keeps lying, and keeps only proven chunks', async () => {
    const onChunks = (request: Line, lane: EvilLane): void =>
      mutations['flips one bit of']?.(request, lane, Math.max(request.first, 3));
    await evilSource(world, publication, { onChunks });
    const reader = await world.downloads('bob', [publication], { clock: hastyClock });

    const error = await problemOf(reader.downloads.get(requestFor(publication, reader.folder), forever));

    expect(error.code).to.equal('integrity');
    expect(error.message).to.include('mallory');
    const names = readdirSync(reader.folder);
    expect(names).to.deep.equal(names.filter((name) => name.endsWith('.part')));
    const original = await readFile(publication.path);
    for (const name of names) {
      const part = await readFile(join(reader.folder, name));
      for (let at = 0; at < part.length; at += CHUNK) {
        const chunk = part.subarray(at, at + CHUNK);
        expect(chunk.equals(original.subarray(at, at + chunk.length)) || chunk.every((byte) => byte === 0)).to.equal(
          true,
        );
      }
    }
  });

  const lies: [string, EvilOptions][] = [
    [
      'says the file has 1 TiB',
      { onOpen: (request, lane) => lane.opened(request, { size: 2 ** 40, chunkSize: 2 ** 24 }) },
    ],
    ['says the file is smaller', { onOpen: (request, lane) => lane.opened(request, { size: 5 }) }],
    ['says the file has a negative size', { onOpen: (request, lane) => lane.opened(request, { size: -1 }) }],
    [
      'says the file has 2^53 + 1 bytes',
      {
        onOpen: ({ id }, lane) =>
          lane.raw(
            Buffer.from(`{"type":"opened","id":${id},"size":9007199254740993,"chunkSize":262144,"have":"all"}\n`),
          ),
      },
    ],
    ['sends a wrong manifest', { onManifest: (request, lane) => lane.manifest(request, Buffer.alloc(CHUNKS * 32)) }],
    ['sends half a manifest', { onManifest: (request, lane) => lane.manifest(request, Buffer.alloc(CHUNKS * 16)) }],
    [
      'sends a manifest that is too long',
      { onManifest: (request, lane) => lane.manifest(request, Buffer.alloc(CHUNKS * 64)) },
    ],
    ['sends a line of 100 KiB', { onChunks: (_request, lane) => lane.raw(Buffer.alloc(100 * 1024, 0x20)) }],
    ['sends binary garbage', { onChunks: (_request, lane) => lane.raw(Buffer.from([0, 255, 254, 10, 0, 10])) }],
    [
      'announces a run of 5 MiB',
      { onChunks: ({ id }, lane) => lane.line({ type: 'run', id, offset: 0, bytes: 5 * 1024 * 1024 }) },
    ],
    ['announces a run of 0 bytes', { onChunks: ({ id }, lane) => lane.line({ type: 'run', id, offset: 0, bytes: 0 }) }],
    [
      'announces a run of 4 GiB',
      { onChunks: ({ id }, lane) => lane.line({ type: 'run', id, offset: 0, bytes: 2 ** 32 }) },
    ],
    ['sends a run nobody asked for', { onChunks: (_request, lane) => lane.run(77, 0, Buffer.alloc(10)) }],
    ['answers a chunk request with "opened"', { onChunks: (request, lane) => lane.opened(request) }],
    ['sends deep JSON', { onChunks: (_request, lane) => lane.raw(Buffer.from(`${'['.repeat(1_000)}\n`)) }],
    [
      'sends __proto__',
      { onChunks: ({ id }, lane) => lane.raw(Buffer.from(`{"__proto__":{"type":"end"},"id":${id}}\n`)) },
    ],
  ];
  for (const [what, options] of lies) {
    it(`survives a source that ${what}, and fetches from another`, async () => {
      const liar = await evilSource(world, publication, options);
      const alice = await world.peer('alice');
      alice.files.set('a', sharedFile(publication));
      const reader = await world.downloads('bob', [publication]);
      let isHonestHere = false;
      const onProgress = (): void => {
        if (isHonestHere || liar.lanes.length === 0 || liar.lanes[0]?.socket.destroyed !== true) return;
        isHonestHere = true;
        world.list(publication, alice.offer());
      };

      const row = await reader.downloads.get(requestFor(publication, reader.folder), { ...forever, onProgress });

      expect(await sameBytes(publication.path, row.path)).to.equal(true);
      expect(row.sources.find(({ user }) => user === 'mallory')?.problem?.code).to.equal('integrity');
    });
  }
});
