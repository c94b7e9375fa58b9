/** One good request of every type, and what its reply must hold. A new type in the schemas does not compile here until it has one. */
import { expect } from 'chai';
import type { Reply, RequestType } from '../../common/protocol/messages.js';
import { signReceipt } from '../../common/wire/receipt.js';
import { newId, type RawBody, type RawSession, randomFileId } from './raw-session.js';

export interface Sample<T extends RequestType> {
  /** Things the request needs, made over the same session. */
  prepare?(session: RawSession): Promise<string>;
  /** The body; `prepared` is what `prepare` returned. */
  body(prepared: string, session: RawSession): RawBody<T>;
  /** Looks at a reply that was `ok`. */
  check(reply: Reply<T> & { ok: true }): void;
}

/** Requests that open a session instead of using one. */
export type OpeningType = 'login' | 'resume';
/** `path` answers a challenge, which only a changed address brings; `reach` is about two peers; the other two are those of an appointed account. */
export type SampledType = Exclude<RequestType, OpeningType | 'path' | 'reach' | 'depot' | 'stored'>;

export const SAMPLES: { readonly [T in SampledType]: Sample<T> } = {
  heartbeat: {
    body: () => ({}),
    check: (reply) => expect(reply.heartbeatMs).to.be.within(100, 10_000),
  },
  publish: {
    body: () => ({ entries: [{ name: `new ${newId()}.bin`, fileId: randomFileId(), size: 5, kind: 'file' }] }),
    check: (reply) => expect(reply.results).to.have.length(1).and.to.have.nested.property('[0].change', 'new'),
  },
  unpublish: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ names: [nameOf(prepared)] }),
    check: (reply) => expect(reply.results).to.have.nested.property('[0].ok', true),
  },
  rights: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ names: [nameOf(prepared)], rights: { users: [], groups: [] } }),
    check: (reply) => expect(reply.results).to.have.nested.property('[0].ok', true),
  },
  rename: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ entries: [{ publicationId: idOf(prepared), name: `renamed ${newId()}.bin` }] }),
    check: (reply) => expect(reply.results).to.have.nested.property('[0].ok', true),
  },
  paths: {
    prepare: (session) => publishOne(session, 'folder'),
    body: (prepared) => ({
      publicationId: idOf(prepared),
      fileId: fileIdOf(prepared),
      start: true,
      put: [{ path: 'a/b.txt', size: 1, fileId: randomFileId() }],
      end: true,
    }),
    check: (reply) => expect(reply.ok).to.equal(true),
  },
  searchPaths: {
    body: () => ({ text: 'b.txt', mine: true, all: true }),
    check: (reply) => expect(reply.partial).to.equal(false),
  },
  listPublished: {
    prepare: (session) => publishOne(session),
    body: () => ({ limit: 1 }),
    check: (reply) => expect(reply.publications).to.have.length(1),
  },
  listPeers: {
    body: () => ({}),
    check: (reply) => expect(reply.peers).to.be.an('array'),
  },
  search: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ text: nameOf(prepared), exact: true, mine: true, all: true }),
    check: (reply) => expect(reply.publications).to.have.length(1),
  },
  searches: {
    body: () => ({ searches: [{ search: 's1', text: 'sample' }] }),
    check: (reply) => expect(reply.ok).to.equal(true),
  },
  sources: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ publicationId: idOf(prepared), ticket: true }),
    check: (reply) => expect(reply.ticket).to.be.a('string'),
  },
  hold: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ publicationId: idOf(prepared), fileId: fileIdOf(prepared), has: 'all' }),
    check: (reply) => expect(reply.ok).to.equal(true),
  },
  receipt: {
    prepare: async (session) => {
      const wish = { publicationId: idOf(await publishOne(session)), ticket: true };
      const reply = await session.request('sources', wish);
      return reply.ok ? (reply.ticket ?? '') : '';
    },
    body: (ticket, session) => {
      const terms = { ticket, bytes: 5, outcome: 'verified' as const, at: Date.now() };
      const source = { pin: 'ab'.repeat(32) };
      return { ...terms, device: signReceipt(terms, source.pin, session.login.device), source };
    },
    check: (reply) => expect(reply.ok).to.equal(true),
  },
  put: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ names: [nameOf(prepared)] }),
    check: (reply) => expect(reply.results).to.have.nested.property('[0].error.code', 'no-depot'),
  },
  del: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ publicationId: idOf(prepared) }),
    check: (reply) => expect(reply.publicationId).to.have.length(21),
  },
  copies: {
    prepare: (session) => publishOne(session),
    body: (prepared) => ({ publicationIds: [idOf(prepared)] }),
    check: (reply) => expect(reply.publications).to.have.nested.property('[0].copies').that.deep.equals([]),
  },
  atRisk: {
    prepare: (session) => publishOne(session),
    body: () => ({ limit: 1 }),
    check: (reply) => expect(reply.publications).to.have.nested.property('[0].holders', 1),
  },
  work: {
    body: () => ({}),
    check: (reply) => expect(reply.work).to.deep.equal([]),
  },
  revocations: {
    body: () => ({ since: 0 }),
    check: (reply) => expect(reply.epoch).to.be.a('number'),
  },
  admin: {
    body: () => ({ action: { do: 'list', what: 'limits' } }),
    check: (reply) =>
      expect(reply.rows).to.deep.include({ kind: 'tracker', subject: '', limit: 'publications', value: 1_000_000 }),
  },
  logout: {
    body: () => ({}),
    check: (reply) => expect(reply.ok).to.equal(true),
  },
};

/** Sampled types in the order of the schemas, `logout` last: it ends the session. */
export const SAMPLED_TYPES = (Object.keys(SAMPLES) as SampledType[]).toSorted(
  (a, b) => Number(a === 'logout') - Number(b === 'logout'),
);

/** Publishes a file of a new name; `id fileId name` names it for the samples. */
export async function publishOne(session: RawSession, kind: 'file' | 'folder' = 'file'): Promise<string> {
  const [name, fileId] = [`sample ${newId()}.bin`, randomFileId()];
  const reply = await session.request('publish', { entries: [{ name, fileId, size: 5, kind }] });
  const result = reply.ok ? reply.results[0] : undefined;
  if (result?.ok !== true) throw new Error(`could not publish: ${JSON.stringify(reply)}`);
  return `${result.publicationId} ${fileId} ${name}`;
}

function idOf(prepared: string): string {
  return prepared.split(' ')[0] ?? '';
}

function fileIdOf(prepared: string): string {
  return prepared.split(' ')[1] ?? '';
}

function nameOf(prepared: string): string {
  return prepared.split(' ').slice(2).join(' ');
}
