// Sources that die or whose file changes in the middle of a download, with real sockets and files: F04 and F12 of the fault catalogue.
import { execFile } from 'node:child_process';
import { appendFile, chmod, copyFile, open, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';

import type { TransferRow } from '../../peer/api.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { problemOf } from './expect-problem.js';
import { type Publication, type Reader, requestFor, sharedFile, type TestPeer, World } from './swarm-fixture.js';

const MIB = 1024 * 1024;
const CHUNK = 256 * 1024;
const SIZE = 5 * MIB;
const LIMITED = { uploadLimitBytesPerSecond: 6 * MIB };
const run = promisify(execFile);
const forever = { signal: new AbortController().signal };

describe('Download from sources that fail in the middle', () => {
  let world: World;
  let publication: Publication;
  let original: string;
  let bob: Reader;

  beforeEach(async () => {
    world = await World.open({ ram: true });
    publication = await world.publish('film.bin', SIZE);
    original = world.dir.join('original');
    await copyFile(publication.path, original);
    bob = await world.downloads('bob', [publication]);
  });

  afterEach(() => world[Symbol.asyncDispose]());

  const row = (): TransferRow | undefined => bob.downloads.rows()[0];
  const untilDone = (share: number): Promise<unknown> =>
    waitFor(() => (row()?.doneBytes ?? 0) >= share * SIZE, { what: `${share} of it`, timeoutMs: 20_000 });

  it('loses at most one chunk for each of three sources that is killed, one at every tenth, and comes back', async () => {
    const users = ['alice', 'carol', 'dora'];
    const peers = new Map<string, TestPeer>();
    for (const user of users) peers.set(user, await world.peer(user, [publication], LIMITED));
    const getting = bob.downloads.get(requestFor(publication, bob.folder), forever);
    let kills = 0;
    for (let tenth = 1; tenth < 10; tenth += 1) {
      await untilDone(tenth / 10);
      const sending = row()?.sources.find(({ state }) => state === 'sending')?.user ?? '';
      const killed = peers.get(sending);
      if (killed === undefined) continue;
      kills += 1;
      await killed.port.stop();
      const listed = world.sources.get(publication.publicationId) ?? [];
      world.sources.set(
        publication.publicationId,
        listed.filter(({ user }) => user !== sending),
      );
      peers.set(sending, await world.peer(sending, [publication], LIMITED));
    }

    const done = await getting;

    expect(kills).to.be.at.least(5);
    expect(await sameBytes(original, done.path)).to.equal(true);
    // What came twice at the very end is counted apart.
    expect(done.receivedBytes - (done.duplicateBytes ?? 0)).to.be.at.most(SIZE + kills * CHUNK);
    expect(done.duplicateBytes ?? 0).to.be.at.most(0.01 * SIZE + CHUNK);
  });

  const changes: Record<string, (path: string) => Promise<unknown>> = {
    'is written to': (path) => appendFile(path, 'more'),
    'is cut off': (path) => truncate(path, SIZE / 2),
    'is emptied': (path) => truncate(path, 0),
    'is changed in place with its old time set again': async (path) => {
      await run('touch', ['-r', path, `${path}.time`]);
      await using file = await open(path, 'r+');
      await file.write(Buffer.alloc(SIZE / 2, 7), 0, SIZE / 2, SIZE / 2);
      await run('touch', ['-r', `${path}.time`, path]);
    },
    'is replaced by another of the same size': async (path) => {
      await writeFile(`${path}.new`, Buffer.alloc(SIZE, 7));
      await rename(`${path}.new`, path);
    },
    'is removed': (path) => rm(path),
    'is made unreadable': (path) => chmod(path, 0),
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`gets the very bytes that were published when the file of one source ${what} meanwhile`, async () => {
      const copy = world.dir.join('copy');
      await copyFile(publication.path, copy);
      const { publicationId } = publication;
      const twin: Publication = { ...(await world.publishFile(copy)), publicationId, name: publication.name };
      const alice = await world.peer('alice', [publication], LIMITED);
      await world.peer('carol', [twin], { uploadLimitBytesPerSecond: 4 * MIB });
      const getting = bob.downloads.get(requestFor(publication, bob.folder), forever);
      await untilDone(0.2);

      await change(publication.path);
      const done = await getting;

      expect(await sameBytes(original, done.path)).to.equal(true);
      expect(done.receivedBytes - (done.duplicateBytes ?? 0)).to.be.at.most(SIZE + CHUNK);
      expect(alice.uploads.sentBytes, 'it was in use').to.be.greaterThan(0);
      expect(await readFile(copy)).to.have.length(SIZE);
    });
  }

  const ends: Record<string, [change: (path: string) => Promise<unknown>, words: RegExp]> = {
    changed: [(path) => appendFile(path, 'more'), /alice says that the file has changed/],
    removed: [(path) => rm(path), /alice says that the file (is gone|has changed)/],
  };
  for (const [what, [change, words]] of Object.entries(ends)) {
    it(`says soon that the file of the only source was ${what}, and what to do`, async () => {
      await world.peer('alice', [publication], LIMITED);
      const getting = bob.downloads.get(requestFor(publication, bob.folder), forever);
      await untilDone(0.2);

      await change(publication.path);
      const asked = world.asked.length;
      // A removed file that is open is served to the end; one that begins anew finds nothing.
      if (what === 'removed') await bob.downloads.cancel(row()?.transferId ?? '');
      const again = what === 'removed' ? bob.downloads.get(requestFor(publication, bob.folder), forever) : getting;
      await getting.catch(() => undefined);
      const problem = await problemOf(again);

      expect(problem.code).to.equal('changed');
      expect(problem.message).to.match(words);
      expect(problem.message).to.include('Get it again when');
      // Who waits for somebody else asks the tracker again and again.
      expect(world.asked.length - asked).to.be.at.most(8);
    });
  }

  it('goes on when the file of the only source was touched, and its publisher has found the same in it', async () => {
    const alice = await world.peer('alice', [publication]);
    const { publicationId, path } = publication;
    await utimes(path, 1, 1);
    const fresh = { ...(await world.publishFile(path)), publicationId };

    const getting = bob.downloads.get(requestFor(publication, bob.folder), forever);
    await Promise.race([getting, waitFor(() => alice.changed.length > 0, { what: 'alice to be asked' })]);
    alice.files.set(publicationId, sharedFile(fresh));
    const done = await getting;

    expect(await sameBytes(original, done.path)).to.equal(true);
  });

  it('waits for the publisher when somebody else says that the file is gone', async () => {
    await world.peer('carol', [{ ...publication, path: world.dir.join('nowhere') }]);

    const getting = bob.downloads.get(requestFor(publication, bob.folder), forever);
    await Promise.race([
      getting,
      waitFor(() => row()?.sources[0]?.problem !== undefined && world.asked.length > 1, { what: 'her answer' }),
    ]);
    await world.peer('alice', [publication]);
    const done = await getting;

    expect(await sameBytes(original, done.path)).to.equal(true);
  });
});
