/** Valid messages of every type, made at random. A type that is missing here does not compile. */
import fc, { type Arbitrary } from 'fast-check';
import type { ReplyBody, Request, RequestType, Terms } from '../../common/protocol/messages.js';
import { type SavedSearch, SEARCH_ORDERS } from '../../common/protocol/search-fields.js';
import { depotReplies, depotRequests } from './arbitrary-depots.js';
import {
  BASE64,
  base64url,
  count,
  cursor,
  digits,
  error,
  filters,
  folderFile,
  folderPath,
  foundPath,
  hex64,
  id,
  port,
  positive,
  publicationId,
  SEARCH_OPTIONAL,
  text,
  user,
  WORD,
} from './arbitrary-fields.js';

const mark = fc.record({ key: base64url(33), signature: base64url(64) });
const token = digits(WORD, 1, 512);
const host = fc.constantFrom('203.0.113.7', 'fe80::1', 'tracker.example', 'my_host.local');
const address = fc.record({ host, port });
const nodes = fc.array(address, { maxLength: 16 });

const opening = { v: fc.constant(1 as const), id };
const envelope = { ...opening, acks: fc.array(id, { maxLength: 32 }), seen: fc.array(text(32), { maxLength: 32 }) };
const presence = {
  serving: fc.boolean(),
  filePort: port,
  lan: fc.array(fc.constantFrom('192.168.1.7', 'fd00::7'), { maxLength: 4 }),
  advertise: host,
  libraryRevision: count,
};
const page = { limit: fc.integer({ min: 1, max: 1_000 }), cursor };
const OPTIONAL = new Set([
  'acks',
  'seen',
  'filePort',
  'lan',
  'advertise',
  'limit',
  'cursor',
  'replace',
  'ignoreCase',
  'exact',
  'all',
  'mine',
  'idPrefix',
  'lastSeenAt',
  'etaMs',
  'fork',
  'terms',
  'passcode',
  'locked',
  'expiresAt',
  'downloads',
]);

/** A record whose optional fields may be absent. */
export function message<T>(
  fields: { [K in keyof T]-?: Arbitrary<Exclude<T[K], undefined>> },
  alsoOptional: readonly string[] = [],
): Arbitrary<T> {
  const requiredKeys = Object.keys(fields).filter((key) => !OPTIONAL.has(key) && !alsoOptional.includes(key));
  return fc.record(fields as unknown as Record<string, Arbitrary<unknown>>, {
    requiredKeys: requiredKeys as never[],
  }) as unknown as Arbitrary<T>;
}

const entry = message(
  {
    name: text(255, 1),
    fileId: hex64,
    size: count,
    kind: fc.constantFrom('file' as const, 'folder' as const),
    files: fc.integer({ min: 0, max: 1_000_000 }),
    bytes: count,
    replace: fc.boolean(),
    publicationId,
  },
  ['publicationId'],
);

const rights = fc.oneof(
  fc.constant('public' as const),
  fc.record({ users: fc.array(user, { maxLength: 3 }), groups: fc.array(user, { maxLength: 3 }) }),
);

const orNull = <T>(value: Arbitrary<T>): Arbitrary<T | null> => fc.option(value);
const password = text(40, 1).filter((value) => Buffer.byteLength(value) <= 128 && !/\p{Cc}/u.test(value));
const counted = fc.integer({ min: 1, max: 1_000_000 });
const terms = fc.record(
  {
    passcodeHash: orNull(
      fc
        .tuple(digits(BASE64, 22), digits(BASE64, 43))
        .map(([salt, hash]) => `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${hash}`),
    ),
    expiresAt: orNull(count),
    downloads: orNull(fc.record({ most: counted, burn: fc.boolean() })),
  },
  { requiredKeys: [] },
) as Arbitrary<Terms>;

export const requests: { readonly [T in RequestType]: Arbitrary<Request<T>> } = {
  login: message<Request<'login'>>({
    ...opening,
    type: fc.constant('login'),
    attempt: base64url(16),
    user,
    password,
    device: fc.record({ key: base64url(91), proof: base64url(64) }),
    ...presence,
  }),
  resume: message<Request<'resume'>>({
    ...opening,
    type: fc.constant('resume'),
    attempt: base64url(16),
    token,
    proof: base64url(32),
    fork: fc.boolean(),
    ...presence,
  }),
  logout: message<Request<'logout'>>({ ...envelope, type: fc.constant('logout') }),
  receipt: message<Request<'receipt'>>(
    {
      ...{ ...envelope, type: fc.constant('receipt'), ticket: text(2_048), bytes: count, at: count },
      outcome: fc.constantFrom('verified' as const, 'wrong' as const, 'sent' as const),
      device: mark,
      source: fc.oneof(mark, fc.record({ pin: hex64 })) as never,
    },
    ['device'],
  ),
  reach: message<Request<'reach'>>({
    ...{ ...envelope, type: fc.constant('reach'), publicationId, device: hex64 },
    ...{ by: fc.constantFrom('back' as const, 'relay' as const), token: base64url(16) },
  }),
  heartbeat: message<Request<'heartbeat'>>({ ...envelope, type: fc.constant('heartbeat'), libraryRevision: count }, [
    'libraryRevision',
  ]),
  publish: message<Request<'publish'>>(
    {
      ...envelope,
      type: fc.constant('publish'),
      entries: fc.array(entry, { minLength: 1, maxLength: 5 }) as never,
      rights,
      terms,
    },
    ['rights'],
  ),
  rights: message<Request<'rights'>>(
    {
      ...envelope,
      type: fc.constant('rights'),
      names: fc.array(text(255, 1), { minLength: 1, maxLength: 5 }),
      rights,
      terms,
    },
    ['rights'],
  ),
  rename: message<Request<'rename'>>({
    ...envelope,
    type: fc.constant('rename'),
    entries: fc.array(fc.record({ publicationId, name: text(255, 1) }), { minLength: 1, maxLength: 5 }),
  }),
  unpublish: message<Request<'unpublish'>>({
    ...envelope,
    type: fc.constant('unpublish'),
    names: fc.array(text(255, 1), { minLength: 1, maxLength: 5 }),
  }),
  ...depotRequests,
  paths: message<Request<'paths'>>({
    ...envelope,
    type: fc.constant('paths'),
    publicationId,
    fileId: hex64,
    start: fc.boolean(),
    put: fc.array(folderFile, { maxLength: 5 }),
    drop: fc.array(folderPath, { maxLength: 5 }),
    end: fc.boolean(),
  }),
  searchPaths: message<Request<'searchPaths'>>({
    ...envelope,
    type: fc.constant('searchPaths'),
    text: text(255, 1),
    ignoreCase: fc.boolean(),
    all: fc.boolean(),
    mine: fc.boolean(),
    owner: user,
    ...page,
  }),
  listPublished: message<Request<'listPublished'>>({ ...envelope, type: fc.constant('listPublished'), ...page }),
  listPeers: message<Request<'listPeers'>>({ ...envelope, type: fc.constant('listPeers'), ...page }),
  search: message<Request<'search'>>(
    {
      ...envelope,
      type: fc.constant('search'),
      text: text(255),
      ignoreCase: fc.boolean(),
      exact: fc.boolean(),
      all: fc.boolean(),
      mine: fc.boolean(),
      publicationIds: fc.array(publicationId, { minLength: 1, maxLength: 4 }),
      ...filters,
      sort: fc.constantFrom(...SEARCH_ORDERS),
      ...page,
    },
    SEARCH_OPTIONAL,
  ),
  searches: message<Request<'searches'>>({
    ...envelope,
    type: fc.constant('searches'),
    searches: fc.array(
      message<SavedSearch>(
        { search: digits(WORD, 1, 16), text: text(255), ignoreCase: fc.boolean(), sources: fc.boolean(), ...filters },
        [...SEARCH_OPTIONAL, 'sources'],
      ),
      { maxLength: 4 },
    ) as never,
  }),
  sources: message<Request<'sources'>>(
    {
      ...envelope,
      type: fc.constant('sources'),
      publicationId,
      ticket: fc.boolean(),
      passcode: password,
      fileId: hex64,
      ...page,
    },
    ['fileId'],
  ),
  hold: message<Request<'hold'>>({
    ...envelope,
    type: fc.constant('hold'),
    publicationId,
    fileId: hex64,
    has: fc.constantFrom('all', 'part', 'none'),
  }),
  revocations: message<Request<'revocations'>>({
    ...envelope,
    type: fc.constant('revocations'),
    since: count,
    ...page,
  }),
  admin: message<Request<'admin'>>({
    ...envelope,
    type: fc.constant('admin'),
    action: fc.oneof(
      fc.record({ do: fc.constant('ban' as const), kind: fc.constant('user' as const), subject: user, until: count }),
      fc.record({ do: fc.constant('unban' as const), kind: fc.constant('network' as const), subject: fc.ipV4() }),
      fc.record({
        do: fc.constant('list' as const),
        what: fc.constantFrom('audit' as const, 'bans' as const),
        limit: page.limit,
      }),
      fc.record({ do: fc.constant('reload' as const) }),
      fc.record({
        do: fc.constant('members' as const),
        group: user,
        change: fc.constantFrom('join' as const, 'leave' as const),
        users: fc.array(user, { minLength: 1, maxLength: 9 }),
      }),
    ),
  }),
  path: message<Request<'path'>>({ ...envelope, type: fc.constant('path'), challenge: base64url(16) }),
};

const publication = message<ReplyBody<'search'>['publications'][number]>({
  publicationId,
  name: text(255, 1),
  owner: user,
  size: count,
  fileId: hex64,
  kind: fc.constantFrom('file' as const, 'folder' as const),
  files: fc.integer({ min: 0, max: 1_000_000 }),
  bytes: count,
  rights: fc.constant('public'),
  locked: fc.constant(true),
  expiresAt: count,
  downloads: fc.record({ most: counted, burn: fc.boolean(), left: fc.nat({ max: 1_000_000 }) }),
  revision: positive,
  sources: count,
  publishedAt: count,
  lastSeenAt: count,
});
const interval = fc.integer({ min: 100, max: 60_000 });
const grant = message<ReplyBody<'login'>>({
  session: base64url(16),
  user,
  accessKey: base64url(32),
  resumeToken: token,
  resumeKey: base64url(32),
  heartbeatMs: interval,
  serverTime: count,
  nodes,
  epoch: count,
  libraryRevision: count,
  live: fc.boolean(),
  observed: address,
});
const beat = { epoch: count, heartbeatMs: interval, serverTime: count };
const failed = fc.record({ ok: fc.constant(false as const), error }) as Arbitrary<never>;
const rows = <T>(row: Arbitrary<T>): Arbitrary<T[]> => fc.array(row, { maxLength: 4 });

export const replyBodies: { readonly [T in RequestType]: Arbitrary<ReplyBody<T>> } = {
  login: grant,
  resume: grant,
  logout: message<ReplyBody<'logout'>>({}),
  receipt: message<ReplyBody<'receipt'>>({}),
  reach: message<ReplyBody<'reach'>>({}),
  heartbeat: message<ReplyBody<'heartbeat'>>({ ...beat, nodes }, ['nodes']),
  publish: message<ReplyBody<'publish'>>({
    results: rows(
      fc.oneof(
        fc.record({
          ok: fc.constant(true as const),
          publicationId,
          revision: positive,
          change: fc.constantFrom('new' as const, 'unchanged' as const, 'replaced' as const),
          rights: fc.constantFrom('public' as const, 'limited' as const),
        }),
        failed,
      ),
    ),
    libraryRevision: count,
  }),
  unpublish: message<ReplyBody<'unpublish'>>({
    results: rows(fc.oneof(fc.record({ ok: fc.constant(true as const), publicationId }), failed)),
    libraryRevision: count,
  }),
  rights: message<ReplyBody<'rights'>>({
    results: rows(fc.oneof(fc.record({ ok: fc.constant(true as const), publicationId }), failed)),
    libraryRevision: count,
  }),
  rename: message<ReplyBody<'rename'>>({
    results: rows(fc.oneof(fc.record({ ok: fc.constant(true as const), publicationId }), failed)),
    libraryRevision: count,
  }),
  ...depotReplies,
  paths: message<ReplyBody<'paths'>>({}),
  searchPaths: message<ReplyBody<'searchPaths'>>({ paths: rows(foundPath), cursor, partial: fc.boolean() }),
  listPublished: message<ReplyBody<'listPublished'>>({ publications: rows(publication), cursor }),
  listPeers: message<ReplyBody<'listPeers'>>({
    peers: rows(fc.record({ user, publications: count, since: count })),
    cursor,
  }),
  search: message<ReplyBody<'search'>>({ publications: rows(publication), cursor, partial: fc.boolean() }),
  searches: message<ReplyBody<'searches'>>({}),
  sources: message<ReplyBody<'sources'>>(
    {
      publicationId,
      fileId: hex64,
      size: count,
      revision: positive,
      ticket: text(2_048),
      sources: rows(
        fc.record({
          user,
          device: hex64,
          has: fc.constantFrom('all' as const, 'part' as const),
          addresses: fc.array(address, { maxLength: 8 }),
        }),
      ),
      cursor,
    },
    ['ticket'],
  ),
  hold: message<ReplyBody<'hold'>>({}),
  revocations: message<ReplyBody<'revocations'>>({
    revocations: rows(
      fc.record({
        epoch: count,
        kind: fc.constantFrom('user' as const, 'publication' as const, 'ticket' as const),
        subject: text(64),
        at: count,
      }),
    ),
    epoch: count,
    cursor,
  }),
  path: message<ReplyBody<'path'>>({}),
  admin: message<ReplyBody<'admin'>>({
    rows: rows(fc.dictionary(fc.stringMatching(/^[a-zA-Z]{1,32}$/), fc.oneof(text(1_000), count, fc.boolean()))),
    cursor,
  }),
};

export const errors = error;
