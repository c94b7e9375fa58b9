import { readdirSync } from 'node:fs';
import { link, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ignoreAbort } from '../../common/runtime/deadline.js';
import type { TransferRow } from '../../peer/api.js';
import type { Provenance } from '../../peer/download/download.js';
import { sameBytes } from '../support/temp.js';
import { requestFor, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const forever = { signal: new AbortController().signal };

describe('Download', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const sizes: [size: number, why: string][] = [
    [0, 'empty: no chunk at all'],
    [1, 'one byte'],
    [CHUNK - 1, 'a short only chunk'],
    [CHUNK, 'exactly one chunk'],
    [CHUNK + 1, 'a last chunk of one byte'],
    [4 * CHUNK, 'several whole chunks'],
    [33 * CHUNK + 17, 'more than one window'],
  ];
  for (const [size, why] of sizes) {
    it(`fetches a file of ${size} bytes (${why})`, async () => {
      const publication = await world.publish('file.bin', size);
      await world.peer('alice', [publication]);
      const reader = await world.downloads('bob', [publication]);

      const row = await reader.downloads.get(requestFor(publication, reader.folder), forever);

      expect(await sameBytes(publication.path, join(reader.folder, 'file.bin'))).to.equal(true);
      expect(row).to.include({ state: 'done', doneBytes: size, receivedBytes: size, resumedBytes: 0 });
      expect(readdirSync(reader.folder)).to.deep.equal(['file.bin']);
      expect((await stat(row.path)).mode & 0o077).to.equal(0o066 & ~process.umask());
    });
  }

  it('replaces a changed file with --force and fetches only the chunks that it does not have, wherever they stood', async () => {
    const publication = await world.publish('file.bin', 12 * CHUNK + 5);
    await world.peer('alice', [publication]);
    const reader = await world.downloads('bob', [publication]);
    const wanted = await readFile(publication.path);
    const [moved, changed] = [wanted.subarray(4 * CHUNK, 8 * CHUNK), Buffer.from(wanted.subarray(0, 4 * CHUNK))];
    changed.writeUInt8(changed.readUInt8(2 * CHUNK) ^ 1, 2 * CHUNK);
    await writeFile(join(reader.folder, 'file.bin'), Buffer.concat([moved, changed, wanted.subarray(8 * CHUNK)]));

    const row = await reader.downloads.get({ ...requestFor(publication, reader.folder), force: true }, forever);

    expect(await sameBytes(publication.path, row.path)).to.equal(true);
    expect(row).to.include({ receivedBytes: CHUNK, resumedBytes: 11 * CHUNK + 5 });
    expect(readdirSync(reader.folder)).to.deep.equal(['file.bin']);
  });

  it('passes nothing of a replaced file on while it runs: it may have been for somebody else', async () => {
    const publication = await world.publish('file.bin', 24 * CHUNK);
    await world.peer('alice', [publication]);
    const reader = await world.downloads('bob', [publication], { isSharing: true });
    await writeFile(join(reader.folder, 'file.bin'), (await readFile(publication.path)).subarray(0, 12 * CHUNK));

    await reader.downloads.get({ ...requestFor(publication, reader.folder), force: true }, forever);

    expect(world.holds).to.deep.equal([]);
  });

  it('passes nothing of a replaced file on when it was stopped while that was read, and then goes on', async () => {
    const publication = await world.publish('file.bin', 24 * CHUNK);
    await world.peer('alice', [publication]);
    const request = { ...requestFor(publication, world.dir.path), force: true };
    const shared = (await readFile(publication.path)).subarray(0, CHUNK);
    await writeFile(world.dir.join('file.bin'), Buffer.concat([shared, Buffer.alloc(3 * CHUNK)]));
    const provenance: Provenance = { part: undefined };
    const stop = new AbortController();
    const isReading = ({ state, doneBytes }: TransferRow): boolean => state === 'checking' && doneBytes > 0;

    const first = await world.download(publication, request, {
      provenance,
      onUpdate: (row) => isReading(row) && stop.abort(),
    });
    await first.run(stop).catch((error: unknown) => ignoreAbort(error, stop.signal));
    const second = await world.download(publication, request, { provenance });
    await second.run(forever);

    expect([first.row().state, second.row().state]).to.deep.equal(['stopped', 'done']);
    expect(second.row().resumedBytes).to.be.at.least(CHUNK);
    expect(world.holds).to.deep.equal([]);
  });

  it('leaves a file that it is to replace as it is until it is replaced, though a crash made it one file with the .part', async () => {
    const publication = await world.publish('file.bin', 24 * CHUNK);
    await world.peer('alice', [publication]);
    const path = world.dir.join('file.bin');
    await writeFile(path, Buffer.alloc(24 * CHUNK));
    await link(path, world.dir.join(`.file.bin.${publication.fileId.slice(0, 16)}.part`));
    const stop = new AbortController();

    const request = { ...requestFor(publication, world.dir.path), force: true };
    const onUpdate = ({ state, doneBytes }: TransferRow): void => {
      if (state === 'fetching' && doneBytes > 0) stop.abort();
    };
    const download = await world.download(publication, request, { onUpdate });
    await download.run(stop).catch((error: unknown) => ignoreAbort(error, stop.signal));

    expect(download.row().state).to.equal('stopped');
    expect((await readFile(path)).equals(Buffer.alloc(24 * CHUNK))).to.equal(true);
  });

  it('reads no more of a file that is replaced than the new one is long', async () => {
    const publication = await world.publish('file.bin', 3 * CHUNK + 5);
    await world.peer('alice', [publication]);
    await writeFile(world.dir.join('file.bin'), 'begins otherwise');
    await truncate(world.dir.join('file.bin'), 2 ** 42);
    let mostBytes = 0;
    const seen = ({ doneBytes }: TransferRow): void => {
      mostBytes = Math.max(mostBytes, doneBytes);
    };

    const request = { ...requestFor(publication, world.dir.path), force: true };
    const download = await world.download(publication, request, { onUpdate: seen });
    await download.run(forever);

    expect(await sameBytes(publication.path, world.dir.join('file.bin'))).to.equal(true);
    expect(mostBytes).to.equal(publication.size);
  });

  it('counts as received what is in the file or was lost, at every moment', async () => {
    const publication = await world.publish('file.bin', 24 * CHUNK + 1);
    await world.peer('alice', [publication]);
    const reader = await world.downloads('bob', [publication]);
    const lost = new Set<number>();

    const got = reader.downloads.get(requestFor(publication, reader.folder), forever);
    while (reader.downloads.rows()[0]?.state !== 'done') {
      for (const { receivedBytes, doneBytes } of reader.downloads.rows()) lost.add(receivedBytes - doneBytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await got;

    expect([...lost]).to.deep.equal([0]);
  });
});
