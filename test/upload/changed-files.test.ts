import { execFile } from 'node:child_process';
import { appendFile, chmod, open, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { expect } from 'chai';

import type { Ticket } from '../../common/protocol/peer-messages.js';
import type { Identity } from '../../common/wire/identity.js';
import { type Publication, sharedFile, type TestPeer, World } from '../download/swarm-fixture.js';
import { RawPeer } from './raw-peer.js';

const CHUNK = 256 * 1024;
const run = promisify(execFile);

describe('Uploads of a file that changes', () => {
  let world: World;
  let publication: Publication;
  let alice: TestPeer;
  let bob: Identity;
  let raw: RawPeer;
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('file.bin', 4 * CHUNK + 3);
    alice = await world.peer('alice', [publication]);
    bob = await world.identity('bob');
    raw = await RawPeer.connect(alice, bob);
  });
  afterEach(async () => {
    raw.close();
    await world[Symbol.asyncDispose]();
  });

  const TICKET_ID = 'T'.repeat(21);
  /** Opens and asks for everything; resolves with the opened line. */
  async function opened(changes: Partial<Ticket> = {}): Promise<void> {
    raw.line({
      id: 1,
      type: 'open',
      ticket: world.ticketFor(publication, bob.pin, { ticketId: TICKET_ID, ...changes }),
    });
    await raw.answer('opened', 1);
  }
  const chunks = (id: number, first: number, count: number): void =>
    raw.line({ id, type: 'chunks', ticketId: TICKET_ID, first, count });

  /** Sets the old mtime again, as `touch -r` or a backup program does. */
  async function overwriteKeepingTime(): Promise<void> {
    await run('touch', ['-r', publication.path, world.dir.join('time')]);
    const file = await open(publication.path, 'r+');
    await file.write(Buffer.from('other'), 0, 5, 2 * CHUNK);
    await file.close();
    await run('touch', ['-r', world.dir.join('time'), publication.path]);
  }
  it('proves again what leaves a file that is still fetched, since its name may be that of another content by then', async () => {
    const { identity: _, ...growing } = sharedFile(publication);
    alice.files.set(publication.publicationId, growing);
    await opened();
    chunks(2, 0, 1);
    await raw.answer('end', 2);
    await writeFile(publication.path, Buffer.alloc(publication.size, 'private'), { flag: 'r+' });

    chunks(3, 0, 1);

    expect(await raw.errorCode(3)).to.equal('not-found');
    expect(raw.received).to.equal(CHUNK);
  });

  const changes: [string, string, () => Promise<unknown>][] = [
    ['is longer now', 'changed', () => appendFile(publication.path, 'more')],
    [
      'is another file of the same size',
      'changed',
      async () => {
        await writeFile(`${publication.path}.new`, Buffer.alloc(publication.size));
        await rename(`${publication.path}.new`, publication.path);
      },
    ],
    ['is gone', 'gone', () => rm(publication.path)],
    [
      'is a link now',
      'changed',
      async () => {
        await rename(publication.path, `${publication.path}.real`);
        await symlink(`${publication.path}.real`, publication.path);
      },
    ],
  ];
  for (const [what, code, change] of changes) {
    it(`answers ${code} to who opens a file that ${what}, and tells the library`, async () => {
      await change();
      raw.line({ id: 1, type: 'open', ticket: world.ticketFor(publication, bob.pin, { ticketId: TICKET_ID }) });

      expect(await raw.errorCode(1)).to.equal(code);
      expect(raw.received).to.equal(0);
      expect(alice.changed).to.deep.equal([publication.publicationId]);
    });
  }

  it('says that a touched file is being looked at as long as the library reads it, then serves it', async () => {
    const reading = Promise.withResolvers<void>();
    const dora = await world.peer('dora', [publication], { onChanged: () => reading.promise });
    const asking = await RawPeer.connect(dora, bob);
    const open = (id: number): void =>
      asking.line({ id, type: 'open', ticket: world.ticketFor(publication, bob.pin, { ticketId: TICKET_ID }) });
    await utimes(publication.path, 1, 1);

    for (const id of [1, 2, 3, 4, 5]) {
      open(id);
      expect(await asking.errorCode(id)).to.equal('checking');
    }
    const { publicationId, path } = publication;
    dora.files.set(publicationId, sharedFile({ ...(await world.publishFile(path)), publicationId }));
    reading.resolve();
    open(6);

    await asking.answer('opened', 6);
    asking.close();
  });

  it('sends nothing of a file that was written to after it was opened', async () => {
    await opened();
    await appendFile(publication.path, 'more');
    chunks(2, 0, 4);

    expect(await raw.errorCode(2)).to.equal('changed');
    expect(raw.received).to.equal(0);
    expect((await raw.answer('changed'))['ticketId']).to.equal(TICKET_ID);
    expect(alice.changed).to.deep.equal([publication.publicationId]);
  });

  it('never sends a chunk that was changed in place with the old time set again', async () => {
    await opened();
    await overwriteKeepingTime();
    chunks(2, 0, 2);
    await raw.answer('end', 2);
    chunks(3, 2, 1);

    expect(await raw.errorCode(3)).to.equal('changed');
    const original = await readFile(publication.path);
    expect(Buffer.concat(raw.bytes).equals(original.subarray(0, 2 * CHUNK))).to.equal(true);
    expect(alice.changed).to.deep.equal([publication.publicationId]);
  });

  it('goes on with a file whose rights alone were changed', async () => {
    await opened();
    await chmod(publication.path, 0o000);
    chunks(2, 0, 5);

    await raw.answer('end', 2);
    expect(raw.received).to.equal(publication.size);
    expect(alice.changed).to.deep.equal([]);
  });

  it('goes on with the bytes of a file that was removed while it is being sent', async () => {
    await opened();
    await rm(publication.path);
    chunks(2, 0, 5);

    await raw.answer('end', 2);
    expect(raw.received).to.equal(publication.size);
  });

  it('looks at its own file when a downloader says that a chunk is bad', async () => {
    await opened();
    raw.line({ type: 'bad-chunk', ticketId: TICKET_ID, index: 1 });
    chunks(2, 0, 1);
    await raw.answer('end', 2);
    expect(alice.changed, 'an honest file is not accused').to.deep.equal([]);

    const file = await open(publication.path, 'r+');
    await file.write(Buffer.from('rot'), 0, 3, CHUNK + 10);
    await file.close();
    raw.line({ type: 'bad-chunk', ticketId: TICKET_ID, index: 1 });

    await raw.answer('changed');
    expect(alice.changed).to.deep.equal([publication.publicationId]);
  });
});
