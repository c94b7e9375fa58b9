// Sources that lie about sizes: F17 of the fault catalogue. They are refused before anything is made for what they announce.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ChildOutcome } from '../download/download-child.js';
import { type EvilOptions, evilSource } from '../download/evil-source.js';
import { runChild } from '../download/run-child.js';
import { type Publication, requestFor, World } from '../download/swarm-fixture.js';
import { sameBytes } from '../support/temp.js';

const MIB = 1024 * 1024;
const MAX_GROWTH_BYTES = 20 * MIB;

const lies: [what: string, options: EvilOptions][] = [
  ['the file has 1 TiB', { onOpen: (request, lane) => lane.opened(request, { size: 2 ** 40, chunkSize: 2 ** 24 }) }],
  ['the file has a negative size', { onOpen: (request, lane) => lane.opened(request, { size: -1 }) }],
  [
    'the file has 2^53 + 1 bytes',
    {
      onOpen: ({ id }, lane) =>
        lane.raw(Buffer.from(`{"type":"opened","id":${id},"size":9007199254740993,"chunkSize":262144,"have":"all"}\n`)),
    },
  ],
  ['its hash list goes on for 1 GiB', { onManifest: ({ id }, lane) => announce(id, lane, 2 ** 30) }],
  ['a run has 4 GiB', { onChunks: ({ id }, lane) => announce(id, lane, 2 ** 32) }],
  ['a run has 4 MiB where 256 KiB were asked for', { onChunks: ({ id }, lane) => announce(id, lane, 4 * MIB) }],
];

function announce(id: number, lane: Parameters<NonNullable<EvilOptions['onChunks']>>[1], bytes: number): void {
  lane.line({ type: 'run', id, offset: 0, bytes });
  lane.raw(Buffer.alloc(64 * 1024));
}

describe('a source that lies about sizes', function () {
  this.timeout(120_000);
  let world: World;
  let publication: Publication;

  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('film.bin', 256 * 1024);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function fetched(): Promise<ChildOutcome | undefined> {
    const bob = await world.downloads('bob', []);
    const { fileId, size, publicationId } = publication;
    const sources = world.sources.get(publicationId) ?? [];
    const { outcome } = await runChild({
      identity: world.dir.join('bob.pem'),
      request: requestFor(publication, bob.folder),
      sources: {
        ...{ fileId, size, revision: 1, sources },
        ticket: world.ticketFor(publication, bob.identity.pin),
      },
    });
    return outcome;
  }

  it('is named, and costs less than 20 MB of memory, whatever it announces', async () => {
    const alice = await world.peer('alice', [publication]);
    const honest = await fetched();
    expect(honest?.code).to.equal('done');
    expect(await sameBytes(publication.path, join(world.dir.join('bob-files'), 'film.bin'))).to.equal(true);
    await alice.stop();

    const growths: number[] = [];
    for (const [index, [what, options]] of lies.entries()) {
      world.sources.clear();
      publication = { ...publication, name: `film-${index}.bin` };
      await evilSource(world, publication, options);
      const outcome = await fetched();

      growths.push((outcome?.peakBytes ?? Infinity) - (honest?.peakBytes ?? 0));
      expect(outcome?.code, what).to.equal('integrity');
      expect(outcome?.message, what).to.include('mallory');
      expect(growths.at(-1), what).to.be.below(MAX_GROWTH_BYTES);
      const left = readdirSync(world.dir.join('bob-files')).filter((name) => name.startsWith(`film-${index}`));
      expect(left, what).to.deep.equal([]);
    }
    const most = (Math.max(...growths) / MIB).toFixed(1);
    process.stdout.write(`      ${lies.length} lies about sizes: at most ${most} MiB more than an honest get\n`);
  });
});
