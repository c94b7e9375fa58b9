/** Every request type of the schemas over both transports, and the reply judged by its schema. */
import { expect } from 'chai';
import { REQUEST_TYPES, type RequestType } from '../../common/protocol/messages.js';
import { parseReply } from '../../common/protocol/parse.js';
import { newDevice } from './raw-device.js';
import { publishOf, type RawGrant, type RawReply, type RawRequest, request, resumeOf, userOf } from './raw-messages.js';
import { receiptOf } from './raw-receipt.js';
import { TestTracker } from './test-tracker.js';

interface Prepared {
  readonly grant: RawGrant;
  readonly publicationId: string;
  /** A publication that this user's depot is to have. */
  readonly stored: { readonly publicationId: string; readonly fileId: string };
  readonly folderId: string;
  /** Of another's device, with a ticket. */
  readonly theirs: { readonly publicationId: string; readonly device: string };
  readonly receipt: object;
}

/** A request of each type that succeeds; the record is complete or does not compile. */
const SAMPLES: Record<Exclude<RequestType, 'login' | 'resume' | 'path'>, (prepared: Prepared) => RawRequest> = {
  logout: () => request('logout'),
  heartbeat: () => request('heartbeat', { acks: [], seen: [], libraryRevision: 1 }),
  publish: () => publishOf('another.bin'),
  unpublish: () => request('unpublish', { names: ['mine.bin'] }),
  rights: () => request('rights', { names: ['mine.bin'], rights: { users: ['bob'], groups: [] } }),
  rename: ({ publicationId }) => request('rename', { entries: [{ publicationId, name: 'renamed.bin' }] }),
  paths: ({ folderId }) =>
    request('paths', {
      ...{ publicationId: folderId, fileId: 'cd'.repeat(32), start: true, end: true },
      put: [{ path: 'a/b.txt', size: 1, fileId: 'ef'.repeat(32) }],
    }),
  searchPaths: () => request('searchPaths', { text: 'b.txt' }),
  listPublished: () => request('listPublished', { limit: 10 }),
  listPeers: () => request('listPeers'),
  search: () => request('search', { text: 'bin', ignoreCase: true }),
  searches: () => request('searches', { searches: [{ search: 's1', text: 'bin', endings: ['bin'] }] }),
  sources: ({ publicationId }) => request('sources', { publicationId, ticket: true }),
  hold: ({ publicationId }) => request('hold', { publicationId, fileId: 'ab'.repeat(32), has: 'all' }),
  receipt: ({ receipt }) => request('receipt', receipt),
  reach: ({ theirs }) => request('reach', { ...theirs, by: 'relay', token: 'A'.repeat(22) }),
  put: () => request('put', { names: ['mine.bin'] }),
  del: ({ publicationId }) => request('del', { publicationId }),
  copies: ({ publicationId }) => request('copies', { publicationIds: [publicationId] }),
  atRisk: () => request('atRisk', { all: true }),
  depot: () => request('depot', { capacity: 1_000 }),
  work: () => request('work', { all: true }),
  stored: ({ stored }) => request('stored', { ...stored, has: 'all' }),
  revocations: () => request('revocations', { since: 0 }),
  admin: () => request('admin', { action: { do: 'list', what: 'status' } }),
};

describe('every request type', () => {
  let tracker: TestTracker;
  beforeEach(async () => {
    tracker = await TestTracker.start();
    await tracker.grantAdmin('alice');
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  it('stands in this table, or has a test of its own', () => {
    expect([...Object.keys(SAMPLES), 'login', 'resume', 'path'].toSorted()).to.deep.equal(
      [...REQUEST_TYPES].toSorted(),
    );
  });

  async function prepare(
    kind: 'tcp' | 'udp',
  ): Promise<{ ask: (message: RawRequest) => Promise<RawReply>; prepared: Prepared }> {
    const { client: other } = await tracker.enterTcp('bob');
    await other.ask(publishOf('theirs.bin'));
    const device = newDevice();
    const alice = userOf('alice', device);
    const { client, grant } = kind === 'tcp' ? await tracker.enterTcp(alice) : await tracker.enterUdp(alice);
    const published = await client.ask(publishOf('mine.bin'));
    await tracker.store.appointDepot('alice', true, Date.now());
    await client.ask(request('depot', { capacity: 1_000 }));
    const search = await client.ask(request('search', { text: 'theirs.bin' }));
    const { publicationId } = search['publications'][0];
    const found = await client.ask(request('sources', { publicationId, ticket: true }));
    const put = await other.ask(request('put', { names: ['theirs.bin'] }));
    const entry = { name: 'mine', fileId: 'cd'.repeat(32), size: 100, kind: 'folder', files: 1, bytes: 1 };
    const folder = await client.ask(request('publish', { entries: [entry] }));
    return {
      ask: (message) => client.ask(message),
      prepared: {
        grant,
        publicationId: published['results'][0].publicationId,
        stored: { publicationId: put['results'][0].publicationId, fileId: 'ab'.repeat(32) },
        folderId: folder['results'][0].publicationId,
        theirs: { publicationId, device: found['sources'][0].device },
        receipt: receiptOf({ ticket: found['ticket'], bytes: 1_000, at: Date.now() }, { device }),
      },
    };
  }

  for (const kind of ['tcp', 'udp'] as const) {
    for (const [type, make] of Object.entries(SAMPLES) as [RequestType, (prepared: Prepared) => RawRequest][]) {
      it(`${type} is answered over ${kind.toUpperCase()} as its schema says`, async () => {
        const { ask, prepared } = await prepare(kind);

        const reply = parseReply(type, await ask(make(prepared)));

        expect(reply, JSON.stringify(reply)).to.have.property('ok', true);
      });
    }

    it(`login and resume are answered over ${kind.toUpperCase()} as their schemas say`, async () => {
      const alice = userOf('alice');
      const entered = kind === 'tcp' ? await tracker.enterTcp(alice) : await tracker.enterUdp(alice);
      expect(parseReply('login', { id: 'a', ok: true, ...entered.grant })).to.have.property('ok', true);

      const again = resumeOf(entered.grant);
      const reply =
        kind === 'tcp'
          ? await (await tracker.tcp()).ask(again)
          : await (await tracker.udp()).resume(again, entered.grant.resumeKey);

      expect(parseReply('resume', reply)).to.include({ ok: true, session: entered.grant.session });
      expect(reply['accessKey']).not.to.equal(entered.grant.accessKey);
    });

    it(`answers what it cannot serve over ${kind.toUpperCase()} with a code, and the rest goes on`, async () => {
      const { ask } = await prepare(kind);
      const code = async (message: RawRequest): Promise<string | undefined> => (await ask(message)).error?.code;

      expect(await code(request('teleport'))).to.equal('unknown-type');
      expect(await code(request('search'))).to.equal('bad-message');
      expect(await code({ ...request('heartbeat'), v: 2 })).to.equal('unsupported-version');
      expect(await code(request('sources', { publicationId: 'x'.repeat(21), ticket: true }))).to.equal('not-found');
      expect(await code(request('search', { text: '', cursor: 'bm90IG9uZQ' }))).to.equal('bad-message');
      expect(await code(tracker.login(userOf('bob')))).to.equal('not-allowed');
      expect(await code(request('path', { challenge: 'A'.repeat(22) }))).to.equal('not-allowed');
      expect(await code(request('constructor'))).to.equal('unknown-type');
      expect((await ask(request('heartbeat'))).ok).to.equal(true);
    });
  }

  it('wants a login first', async () => {
    const client = await tracker.tcp();

    expect((await client.ask(request('listPeers'))).error?.code).to.equal('not-logged-in');
  });
});
