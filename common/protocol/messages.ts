/**
 * Every message between peer and tracker, defined once: schema, type and validation in one. Pure: no sockets, no clock.
 * The prose is docs/protocol.md; a test compares both. Unknown fields are dropped, never refused.
 */
import { z } from 'zod';
import { adminAction, adminRow } from './admin-messages.js';
import {
  atRiskFields,
  copiesFields,
  copiesOfPublication,
  depotFields,
  putFields,
  putResult,
  storedFields,
  workFields,
  workRow,
} from './depot-fields.js';
import { type ErrorBody, errorBody } from './error-body.js';
import { base64url, fileId, pin, publicationId, safeInteger, text, userName } from './fields.js';
import { folderTotals, foundPath, pathsFields, publicationKind } from './folder-fields.js';
import {
  MAX_ADVERTISE_LENGTH,
  MAX_BULK_ENTRIES,
  MAX_LAN_ADDRESSES,
  MAX_PAGE_ROWS,
  MAX_RESUME_TOKEN_LENGTH,
  MAX_SAVED_SEARCHES,
  MAX_UNACKNOWLEDGED,
} from './limits.js';
import { reachFields } from './reach-fields.js';
import { receiptFields } from './receipt-fields.js';
import { password, rights, shownTerms, terms } from './rights.js';
import { SEARCH_ORDERS, savedSearch, searchFilters, searchIds, searchText } from './search-fields.js';

export { type ErrorBody, errorBody } from './error-body.js';
export type { Rights, Terms } from './rights.js';

export const PROTOCOL_VERSION = 1;

const port = z.number().int().min(1).max(65_535);
export const requestId = z.string().regex(/^[A-Za-z0-9_-]{1,32}$/);
/** At most 255 bytes of UTF-8; the full name rules are `common/content/file-name.ts`, answered with `bad-name`. */
const publicationName = text(255).min(1);
const cursor = z.string().max(128);
const address = z.object({
  host: z
    .string()
    .regex(/^[A-Za-z0-9._:-]+$/)
    .max(253),
  port,
});

const opening = { v: z.literal(PROTOCOL_VERSION), id: requestId };
const envelope = {
  ...opening,
  /** Ids of mutations whose outcome the client has: the tracker may forget them. */
  acks: z.array(requestId).max(MAX_UNACKNOWLEDGED).optional(),
  /** Ids of events the client has: the tracker stops resending them. */
  seen: z.array(z.string().max(32)).max(32).optional(),
};

const resumeToken = z
  .string()
  .regex(/^[A-Za-z0-9_-]+={0,2}$/)
  .max(MAX_RESUME_TOKEN_LENGTH);

/** What a peer says of itself at login and resume. */
const presence = {
  serving: z.boolean(),
  /** Port of the file port; absent when not serving. */
  filePort: port.optional(),
  /** Private-range addresses, for peers behind the same public address. */
  lan: z
    .array(z.string().regex(/^[0-9A-Fa-f.:]{2,45}$/))
    .max(MAX_LAN_ADDRESSES)
    .optional(),
  /** Host name or address to offer to others instead of the observed one; must resolve to it or be proven by dial-back. */
  advertise: z
    .string()
    .regex(/^[A-Za-z0-9._:-]+$/)
    .max(MAX_ADVERTISE_LENGTH)
    .optional(),
  /** The library revision this device last heard from the tracker; 0 = none. */
  libraryRevision: safeInteger,
};

export const loginRequest = z.object({
  ...opening,
  type: z.literal('login'),
  attempt: base64url(16),
  user: userName,
  password,
  /** The device's public key (SPKI DER, P-256) and its signature, see "Device proof". */
  device: z.object({ key: base64url(91), proof: base64url(64) }),
  ...presence,
});

export const resumeRequest = z.object({
  ...opening,
  type: z.literal('resume'),
  attempt: base64url(16),
  token: resumeToken,
  proof: base64url(32),
  /** Open another session of the same user and device beside this one. */
  fork: z.boolean().optional(),
  ...presence,
});

const publishEntry = z.object({
  name: publicationName,
  fileId,
  size: safeInteger,
  kind: publicationKind,
  ...folderTotals,
  /** The publisher's new content for a name it holds; without it a used name is `name-taken`. */
  replace: z.boolean().optional(),
  /** Told again after a login: what others have removed since is `gone`, not new. */
  publicationId: publicationId.optional(),
});

const page = { limit: z.number().int().min(1).max(MAX_PAGE_ROWS).optional(), cursor: cursor.optional() };

export const requestSchemas = {
  login: loginRequest,
  resume: resumeRequest,
  logout: z.object({ ...envelope, type: z.literal('logout') }),
  heartbeat: z.object({ ...envelope, type: z.literal('heartbeat'), libraryRevision: safeInteger.optional() }),
  publish: z.object({
    ...envelope,
    type: z.literal('publish'),
    entries: z.array(publishEntry).min(1).max(MAX_BULK_ENTRIES),
    /** Of all entries. Without it new names are public, and others keep what they have. */
    rights: rights.optional(),
    terms: terms.optional(),
  }),
  unpublish: z.object({
    ...envelope,
    type: z.literal('unpublish'),
    names: z.array(publicationName).min(1).max(MAX_BULK_ENTRIES),
  }),
  rights: z.object({
    ...envelope,
    type: z.literal('rights'),
    names: z.array(publicationName).min(1).max(MAX_BULK_ENTRIES),
    /** Absent: they stay as they are. */
    rights: rights.optional(),
    terms: terms.optional(),
  }),
  rename: z.object({
    ...envelope,
    type: z.literal('rename'),
    entries: z
      .array(z.object({ publicationId, name: publicationName }))
      .min(1)
      .max(MAX_BULK_ENTRIES),
  }),
  paths: z.object({ ...envelope, type: z.literal('paths'), ...pathsFields }),
  listPublished: z.object({ ...envelope, type: z.literal('listPublished'), ...page }),
  listPeers: z.object({ ...envelope, type: z.literal('listPeers'), ...page }),
  search: z.object({
    ...envelope,
    type: z.literal('search'),
    text: searchText,
    ignoreCase: z.boolean().optional(),
    /** The whole name must equal `text`. */
    exact: z.boolean().optional(),
    /** Also publications without a live source. */
    all: z.boolean().optional(),
    /** Also my own. */
    mine: z.boolean().optional(),
    publicationIds: searchIds.optional(),
    ...searchFilters,
    sort: z.enum(SEARCH_ORDERS).optional(),
    ...page,
  }),
  /** All searches that this session is to hear `match` events of, in place of those before. */
  searches: z.object({
    ...envelope,
    type: z.literal('searches'),
    searches: z.array(savedSearch).max(MAX_SAVED_SEARCHES),
  }),
  /** Files inside folders whose path contains the text. */
  searchPaths: z.object({
    ...envelope,
    type: z.literal('searchPaths'),
    text: searchText.min(1),
    ignoreCase: z.boolean().optional(),
    all: z.boolean().optional(),
    mine: z.boolean().optional(),
    owner: userName.optional(),
    ...page,
  }),
  sources: z.object({
    ...envelope,
    type: z.literal('sources'),
    publicationId,
    /** False: only the sources, for a download that has its ticket. */
    ticket: z.boolean(),
    /** For a ticket for what is locked. */
    passcode: password.optional(),
    /** The content that is being fetched: a download that has begun goes on with it when it has been replaced. */
    fileId: fileId.optional(),
    ...page,
  }),
  hold: z.object({
    ...envelope,
    type: z.literal('hold'),
    publicationId,
    fileId,
    has: z.enum(['all', 'part', 'none']),
  }),
  /** What was fetched from whom, signed by them. */
  receipt: z.object({ ...envelope, type: z.literal('receipt'), ...receiptFields }),
  reach: z.object({ ...envelope, type: z.literal('reach'), ...reachFields }),
  put: z.object({ ...envelope, type: z.literal('put'), ...putFields }),
  del: z.object({
    ...envelope,
    type: z.literal('del'),
    publicationId,
    /** For what whoever knows its passcode may remove. */
    passcode: password.optional(),
  }),
  copies: z.object({ ...envelope, type: z.literal('copies'), ...copiesFields }),
  atRisk: z.object({ ...envelope, type: z.literal('atRisk'), ...atRiskFields, ...page }),
  /** The next three are a depot's. */
  depot: z.object({ ...envelope, type: z.literal('depot'), ...depotFields }),
  work: z.object({ ...envelope, type: z.literal('work'), ...workFields, ...page }),
  stored: z.object({ ...envelope, type: z.literal('stored'), ...storedFields }),
  revocations: z.object({ ...envelope, type: z.literal('revocations'), since: safeInteger, ...page }),
  /** Answers a path challenge from the new address. */
  path: z.object({ ...envelope, type: z.literal('path'), challenge: base64url(16) }),
  /** Of an account with admin rights. */
  admin: z.object({ ...envelope, type: z.literal('admin'), action: adminAction }),
} as const;

export type RequestType = keyof typeof requestSchemas;
export type Request<T extends RequestType = RequestType> = { [K in T]: z.output<(typeof requestSchemas)[K]> }[T];
export const REQUEST_TYPES = Object.keys(requestSchemas) as readonly RequestType[];
/** Requests whose outcome is applied once and repeated. */
export const MUTATIONS: ReadonlySet<RequestType> = new Set([
  'publish',
  'unpublish',
  'rights',
  'rename',
  'put',
  'del',
  'stored',
  'paths',
  'hold',
  'logout',
]);

export const publication = z.object({
  publicationId,
  name: publicationName,
  owner: userName,
  size: safeInteger,
  fileId,
  kind: publicationKind,
  ...folderTotals,
  /** Only the owner is told for whom. */
  rights: z.union([rights, z.literal('limited')]),
  ...shownTerms,
  revision: z.number().int().min(1),
  /** Sources online now. */
  sources: safeInteger,
  /** ms since epoch. */
  publishedAt: safeInteger,
  /** ms since epoch; absent while a source is online or when none was ever seen. */
  lastSeenAt: safeInteger.optional(),
});
export type Publication = z.output<typeof publication>;

export const sessionGrant = z.object({
  /** 16 bytes. */
  session: base64url(16),
  /** As the account spells it. */
  user: userName,
  accessKey: base64url(32),
  resumeToken,
  resumeKey: base64url(32),
  heartbeatMs: z.number().int().min(100).max(60_000),
  /** ms since epoch. */
  serverTime: safeInteger,
  nodes: z.array(address).max(16),
  /** Newest revocation. */
  epoch: safeInteger,
  libraryRevision: safeInteger,
  /** True: the revisions are equal and all publications of this device are live. */
  live: z.boolean(),
  /** The sender's address as the tracker sees it. */
  observed: address,
});
export type SessionGrant = z.output<typeof sessionGrant>;

const publishResult = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    publicationId,
    revision: z.number().int().min(1),
    change: z.enum(['new', 'unchanged', 'replaced']),
    rights: z.enum(['public', 'limited']),
    /** Of a folder: the content whose paths are all known here. */
    paths: fileId.optional(),
  }),
  z.object({ ok: z.literal(false), error: errorBody }),
]);
const namedResult = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), publicationId }),
  z.object({ ok: z.literal(false), error: errorBody }),
]);

/** The body of each successful reply, without `id` and `ok`. */
export const replySchemas = {
  login: sessionGrant,
  resume: sessionGrant,
  logout: z.object({}),
  heartbeat: z.object({
    epoch: safeInteger,
    heartbeatMs: z.number().int().min(100).max(60_000),
    serverTime: safeInteger,
    /** Where to go on when this node is lost, itself first; told when it has changed. */
    nodes: z.array(address).max(16).optional(),
  }),
  publish: z.object({ results: z.array(publishResult), libraryRevision: safeInteger }),
  unpublish: z.object({ results: z.array(namedResult), libraryRevision: safeInteger }),
  rights: z.object({ results: z.array(namedResult), libraryRevision: safeInteger }),
  rename: z.object({ results: z.array(namedResult), libraryRevision: safeInteger }),
  paths: z.object({}),
  listPublished: z.object({ publications: z.array(publication), cursor: cursor.optional() }),
  listPeers: z.object({
    peers: z.array(z.object({ user: userName, publications: safeInteger, since: safeInteger })),
    cursor: cursor.optional(),
  }),
  search: z.object({ publications: z.array(publication), cursor: cursor.optional(), partial: z.boolean() }),
  searches: z.object({}),
  searchPaths: z.object({ paths: z.array(foundPath), cursor: cursor.optional(), partial: z.boolean() }),
  sources: z.object({
    publicationId,
    fileId,
    size: safeInteger,
    revision: z.number().int().min(1),
    ticket: z.string().max(2_048).optional(),
    sources: z.array(
      z.object({
        user: userName,
        device: pin,
        has: z.enum(['all', 'part']),
        /** Best first; empty when nobody can dial it. */
        addresses: z.array(address).max(8),
      }),
    ),
    cursor: cursor.optional(),
  }),
  hold: z.object({}),
  receipt: z.object({}),
  reach: z.object({}),
  put: z.object({ results: z.array(putResult) }),
  del: z.object({ publicationId }),
  copies: z.object({ publications: z.array(copiesOfPublication) }),
  atRisk: z.object({
    publications: z.array(
      z.object({
        ...publication.shape,
        /** Devices that are known to have all of it, online or not. */
        holders: safeInteger,
      }),
    ),
    cursor: cursor.optional(),
  }),
  depot: z.object({}),
  work: z.object({ work: z.array(workRow), cursor: cursor.optional() }),
  stored: z.object({}),
  revocations: z.object({
    revocations: z.array(
      z.object({
        epoch: safeInteger,
        kind: z.enum(['user', 'publication', 'ticket']),
        subject: z.string().max(64),
        /** Of a publication: only tickets of this user. */
        user: userName.optional(),
        at: safeInteger,
      }),
    ),
    epoch: safeInteger,
    cursor: cursor.optional(),
  }),
  path: z.object({}),
  admin: z.object({ rows: z.array(adminRow), cursor: cursor.optional() }),
} as const satisfies Record<RequestType, z.ZodType>;

export type ReplyBody<T extends RequestType> = z.output<(typeof replySchemas)[T]>;
export type Reply<T extends RequestType = RequestType> =
  | ({ readonly id: string; readonly ok: true } & ReplyBody<T>)
  | { readonly id: string; readonly ok: false; readonly error: ErrorBody };
