import { createPrivateKey, sign } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { expect } from 'chai';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { serverTlsOptions } from '../../common/wire/pinned-tls.js';
import { openTicket } from '../../common/wire/ticket.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp } from './raw-client.js';
import type { RawDevice } from './raw-device.js';
import { publishOf, request, resumeOf, userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

describe('publications', () => {
  let tracker: TestTracker;
  let cleanUp: AsyncDisposableStack;
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    tracker = cleanUp.use(await TestTracker.start({ users: ['alice', 'bob', 'carol'], quota: 50 }));
  });
  afterEach(() => cleanUp.disposeAsync());

  const found = async (client: RawTcp, text: string, fields: object = {}): Promise<string[]> =>
    ((await client.ask(request('search', { text, ...fields })))['publications'] as { name: string }[]).map(
      ({ name }) => name,
    );

  /** A device with a file port, as a peer has one. */
  async function servingDevice(): Promise<{
    device: RawDevice;
    filePort: number;
    identity: Identity;
    dials: () => number;
  }> {
    const identity = await loadOrCreateIdentity(tracker.dir.join(`device-${Math.random()}.pem`), {
      commonName: 'device',
    });
    let dials = 0;
    const server: Server = createServer(
      serverTlsOptions(identity, ['shoal-peer/1'], { requestClientCert: true }),
      (socket) => socket.on('error', () => undefined),
    );
    server.on('connection', () => (dials += 1));
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUp.defer(() => void server.close());
    const prove = (pin: string, attempt: Buffer): string =>
      sign('sha256', Buffer.concat([Buffer.from('shoal/1 device'), Buffer.from(pin, 'hex'), attempt]), {
        key: createPrivateKey(identity.keyPem),
        dsaEncoding: 'ieee-p1363',
      }).toString('base64url');
    const device = { pin: identity.pin, key: identity.spki.toString('base64url'), prove, sign: identity.sign };
    return { device, filePort: (server.address() as AddressInfo).port, identity, dials: () => dials };
  }

  describe('liveness', () => {
    it('of a whole library comes back with the right revision, and by deltas with another', async () => {
      const { client: bob } = await tracker.enterTcp('bob');
      const { client, grant } = await tracker.enterTcp('alice');
      await client.ask(publishOf('one', 'two'));
      expect((await found(bob, '')).toSorted()).to.deep.equal(['one', 'two']);
      const again = await tracker.tcp();

      expect((await again.ask(resumeOf(grant, { libraryRevision: 1 })))['live']).to.equal(false);
      expect(await found(bob, '')).to.include.members([]);
      await again.ask(publishOf('two'));
      expect(await found(bob, 'two')).to.deep.equal(['two']);

      await again.ask(request('heartbeat', { libraryRevision: 2 }));
      expect((await found(bob, '')).toSorted()).to.deep.equal(['one', 'two']);
    });

    it('does not come with another device of the user', async () => {
      const { client: bob } = await tracker.enterTcp('bob');
      const { client } = await tracker.enterTcp('alice');
      await client.ask(publishOf('one'));
      await client.ask(request('logout'));

      await tracker.enterTcp('alice');

      expect(await found(bob, 'one')).to.deep.equal([]);
      expect(await found(bob, 'one', { all: true })).to.deep.equal(['one']);
    });

    it('is not changed by sessions that do not serve', async () => {
      const { client: bob } = await tracker.enterTcp('bob');
      const { client } = await tracker.enterTcp('alice', { serving: false });
      await client.ask(publishOf('one'));

      expect(await found(bob, 'one')).to.deep.equal([]);
      expect((await client.ask(request('listPublished')))['publications'][0]).to.include({ name: 'one', sources: 0 });
    });
  });

  it("belong to the session's user, whatever the message says", async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    await alice.ask(publishOf('a.bin'));

    await bob.ask({ ...publishOf('b.bin'), owner: 'alice', user: 'alice' });
    const reply = await bob.ask({ ...request('unpublish', { names: ['a.bin'] }), owner: 'alice' });

    expect(reply['results'][0].error.code).to.equal('not-found');
    expect(await found(bob, '', { owner: 'ALICE' })).to.deep.equal(['a.bin']);
  });

  it('are found by others, not by their owner unless asked', async () => {
    const { client } = await tracker.enterTcp('alice');
    await client.ask(publishOf('Mine.bin'));

    expect(await found(client, 'Mine')).to.deep.equal([]);
    expect(await found(client, 'mine', { mine: true })).to.deep.equal([]);
    expect(await found(client, 'mine', { mine: true, ignoreCase: true })).to.deep.equal(['Mine.bin']);
  });

  it('with bad names, too large, or beyond the quota are refused one by one', async () => {
    const { client } = await tracker.enterTcp('alice');
    const publish = publishOf(
      'ok',
      '../up',
      'a\u202eb',
      ' space',
      'huge',
      ...Array.from({ length: 60 }, (_, index) => `f${index}`),
    );
    (publish['entries'] as { size: number }[])[4]!.size = 2 ** 50;

    const { results } = (await client.ask(publish)) as unknown as {
      results: { ok: boolean; error?: { code: string } }[];
    };

    expect(results.slice(0, 5).map((result) => result.error?.code ?? 'ok')).to.deep.equal([
      'ok',
      'bad-name',
      'bad-name',
      'bad-name',
      'too-large',
    ]);
    expect(results.filter((result) => result.error?.code === 'quota')).to.have.length(11);
  });

  describe('sources', () => {
    it('are given with a ticket for this device, at the address that was proven', async () => {
      const { device, filePort, dials } = await servingDevice();
      const { client: alice } = await tracker.enterTcp({ ...userOf('alice'), device }, { filePort });
      const bobUser = userOf('bob');
      const { client: bob } = await tracker.enterTcp(bobUser);
      const [{ publicationId }] = (await alice.ask(publishOf('a.bin')))['results'];

      const reply = await bob.ask(request('sources', { publicationId, ticket: true }));

      expect(reply['sources']).to.deep.equal([
        { user: 'alice', device: device.pin, has: 'all', addresses: [{ host: '127.0.0.1', port: filePort }] },
      ]);
      const ticket = openTicket(reply['ticket'], tracker.identity.spki);
      expect(ticket).to.include({
        publicationId,
        user: 'bob',
        device: bobUser.device.pin,
        fileId: 'ab'.repeat(32),
        size: 1_000,
      });
      expect(ticket.notAfter - ticket.issuedAt).to.equal(3_600_000);
      await waitFor(() => dials() === 1);
    });

    it('have no address while their port shows another device', async () => {
      const { filePort, dials } = await servingDevice();
      const { client: alice } = await tracker.enterTcp('alice', { filePort });
      const { client: bob } = await tracker.enterTcp('bob');
      const [{ publicationId }] = (await alice.ask(publishOf('a.bin')))['results'];

      const first = await bob.ask(request('sources', { publicationId, ticket: false }));
      for (let times = 0; times < 5; times += 1) await alice.ask(request('heartbeat'));
      const second = await bob.ask(request('sources', { publicationId, ticket: false }));

      for (const reply of [first, second]) expect(reply['sources'][0].addresses).to.deep.equal([]);
      expect(first).not.to.have.property('ticket');
      await waitFor(() => dials() === 1);
    });

    it('never hold an address that a peer only claims', async () => {
      const { client: alice } = await tracker.enterTcp('alice', {
        filePort: 1,
        advertise: 'example.org',
        lan: ['192.168.1.7', '8.8.8.8', '127.0.0.1'],
      });
      const { client: bob } = await tracker.enterTcp('bob');
      const [{ publicationId }] = (await alice.ask(publishOf('a.bin')))['results'];

      const reply = await bob.ask(request('sources', { publicationId, ticket: false }));

      expect(reply['sources'][0].addresses).to.deep.equal([]);
    });

    it('are also those who hold it, once they had a ticket', async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const { client: bob } = await tracker.enterTcp('bob');
      const { client: carol } = await tracker.enterTcp('carol');
      const [{ publicationId }] = (await alice.ask(publishOf('a.bin')))['results'];
      const hold = { publicationId, fileId: 'ab'.repeat(32) };

      expect((await bob.ask(request('hold', { ...hold, has: 'all' }))).error?.code).to.equal('not-allowed');
      await bob.ask(request('sources', { publicationId, ticket: true }));
      expect((await bob.ask(request('hold', { ...hold, fileId: 'cd'.repeat(32), has: 'all' }))).error?.code).to.equal(
        'changed',
      );
      expect((await bob.ask(request('hold', { ...hold, has: 'part' }))).ok).to.equal(true);

      const seen = async (): Promise<string[]> =>
        (
          (await carol.ask(request('sources', { publicationId, ticket: false })))['sources'] as {
            user: string;
            has: string;
          }[]
        )
          .map(({ user, has }) => `${user} ${has}`)
          .toSorted();
      expect(await seen()).to.deep.equal(['alice all', 'bob part']);
      await alice.ask(request('logout'));
      expect(await seen()).to.deep.equal(['bob part']);
      expect(await found(carol, 'a.bin')).to.deep.equal(['a.bin']);
      await bob.ask(request('hold', { ...hold, has: 'none' }));
      expect(await seen()).to.deep.equal([]);
      expect(await found(carol, 'a.bin')).to.deep.equal([]);
    });

    it('of replaced content are only those who have the new one', async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const { client: bob } = await tracker.enterTcp('bob');
      const [{ publicationId }] = (await alice.ask(publishOf('a.bin')))['results'];
      await bob.ask(request('sources', { publicationId, ticket: true }));
      await bob.ask(request('hold', { publicationId, fileId: 'ab'.repeat(32), has: 'all' }));

      await alice.ask(
        request('publish', {
          entries: [{ name: 'a.bin', fileId: 'cd'.repeat(32), size: 5, kind: 'file', replace: true }],
        }),
      );

      const { client: carol } = await tracker.enterTcp('carol');
      const reply = await carol.ask(request('sources', { publicationId, ticket: false }));
      expect(reply).to.include({ fileId: 'cd'.repeat(32), revision: 2 });
      expect((reply['sources'] as { user: string }[]).map(({ user }) => user)).to.deep.equal(['alice']);
    });

    it('of what was withdrawn are not found', async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const [{ publicationId }] = (await alice.ask(publishOf('a.bin')))['results'];
      await alice.ask(request('unpublish', { names: ['a.bin'] }));

      const { client: bob } = await tracker.enterTcp('bob');
      expect((await bob.ask(request('sources', { publicationId, ticket: true }))).error?.code).to.equal('not-found');
    });
  });

  it('of many peers come in pages that together are all', async () => {
    for (let index = 0; index < 12; index += 1) {
      await tracker.addUser(`user${index}`);
      await (await tracker.enterTcp(`user${index}`)).client.ask(publishOf(`file ${index}`));
    }
    const { client } = await tracker.enterTcp('alice');
    const all = async (type: string, field: string, fields: object): Promise<Record<string, unknown>[]> => {
      const rows: Record<string, unknown>[] = [];
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
        const reply = await client.ask(
          request(type, { ...fields, limit: 5, ...(cursor === undefined ? {} : { cursor }) }),
        );
        rows.push(...(reply[field] as Record<string, unknown>[]));
        cursor = reply['cursor'] as string | undefined;
      }
      return rows;
    };

    const peers = await all('listPeers', 'peers', {});
    expect(peers.map(({ user }) => user)).to.deep.equal(
      Array.from({ length: 12 }, (_, index) => `user${index}`).toSorted(),
    );
    expect(peers.every(({ publications }) => publications === 1)).to.equal(true);
    expect(await all('search', 'publications', { text: 'file' })).to.have.length(12);
  });
});
