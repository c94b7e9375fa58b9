/**
 * What the tracker keeps across restarts. Handlers and auth see only this; SQL stays behind it.
 *
 * Guarantees, proved for every store by `test/store/describe-store.ts`:
 * - Each method is one atomic step; writes are on the disk when their promise resolves.
 * - `publish` of one name by one user replaces, never doubles. Removing an account removes its publications in the same step.
 * - A mutation and its outcome are written together; the same (session, request id) is applied once, also across kill -9.
 * - Lists are ordered by (publishedAt, publicationId), both descending; a search by what it asks for, then by publicationId in the
 *   same direction. On every store texts and ids compare as bytes.
 * - User names are looked up ignoring case and given back as the account spells them.
 * - Times are integers in ms since epoch, from the caller's clock.
 * - Without room on the disk writes reject with `StoreError('storage')` and change nothing; reads go on.
 * - After `close()` each call rejects with `StoreError('closed')`.
 */
import type { AdminAction, AuditKind, BanKind, LimitName } from '../../common/protocol/admin-messages.js';
import type { ErrorCode } from '../../common/protocol/errors.js';
import type { PublicationKind } from '../../common/protocol/folder-fields.js';
import type { ErrorBody, ReplyBody, Rights, Terms } from '../../common/protocol/messages.js';
import type { SearchOrder } from '../../common/protocol/search-fields.js';
import type { DelChange, DepotStore, PutChange, StoredChange } from './depot-store.js';
import type { PathStore, PathsChange, PathsOutcome } from './path-rows.js';
import type { RelayedStore } from './relayed-table.js';

export interface Store extends DepotStore, PathStore, RelayedStore {
  /** Adds users never seen, removed ones included; returns the names that were added. */
  addAccounts(accounts: readonly NewAccount[]): Promise<string[]>;
  /** Those of the names that `addAccounts` would add. */
  unseenUsers(users: readonly string[]): Promise<string[]>;
  /** Adds a user, or brings a removed one back with a new password; false when the name is in use. */
  createAccount(account: NewAccount): Promise<boolean>;
  findAccount(user: string): Promise<Account | undefined>;
  /** By name; removed ones left out. */
  listAccounts(): Promise<Account[]>;
  /** Ends all sessions of the user by a higher generation and a revocation, except `enable`. Undefined: no such user. */
  changeAccount(user: string, change: AccountChange, at: number): Promise<Account | undefined>;

  /** What a login needs to know before a password is hashed. */
  loginFacts(user: string, device: string): Promise<LoginFacts>;
  /** Remembers that the device has logged in. */
  recordLogin(login: { readonly user: string; readonly device: string; readonly at: number }): Promise<void>;
  resumeFacts(resume: {
    readonly user: string;
    readonly device: string;
    readonly session: string;
  }): Promise<ResumeFacts>;

  mutate(mutation: Mutation): Promise<MutationOutcome>;
  /** The client has these outcomes: they are forgotten. Whoever calls keeps older copies of those requests from coming here. */
  acknowledge(session: string, requestIds: readonly string[]): Promise<void>;

  /** One's own, newest first. */
  listPublished(list: {
    readonly user: string;
    readonly limit: number;
    readonly after?: RowKey | undefined;
  }): Promise<PublicationRow[]>;
  search(query: SearchQuery): Promise<SearchPage>;
  /** Undefined when there is none that `viewer` may fetch. */
  findPublication(publicationId: string, viewer: string): Promise<PublicationRow | undefined>;
  /** How many publications that `viewer` may fetch each of these devices has, in their order; with `only`, of these ids. */
  countPublications(
    devices: readonly (DeviceKey & { readonly only?: readonly string[] })[],
    viewer: string,
  ): Promise<number[]>;

  /**
   * Remembers that the device got a ticket, so that it may `hold` the publication, also after a restart, and so that narrower
   * rights revoke it. When the user has lost the right meanwhile, the ticket is revoked at once.
   */
  recordTicket(ticket: GivenTicket): Promise<void>;
  /**
   * Whether a ticket may be given for what has a passcode or counts its downloads, the owner aside; records it then. `provenHash` is
   * the passcode hash that a passcode was found to have just now. Both hold for `FREE_RETRIES_MS`: then it is asked and counted again.
   */
  admit(ticket: GivenTicket, proof: { readonly provenHash: string | undefined }): Promise<Admission>;
  hasTicket(publicationId: string, device: string): Promise<boolean>;
  /** Size of a content for which the device got a ticket after `since`, though the publication may have another one by now. */
  sizeOfBegun(content: BegunContent): Promise<number | undefined>;
  /** Ends what is past its time, and forgets old passcodes and counted downloads. Call it often: lists show what was not ended yet. */
  expire(at: number): Promise<void>;

  /** Oldest first, `epoch` > since. With `reader`, those of a publication only for its owner, and for a holder who may know of it. */
  revocations(since: number, limit: number, reader?: DeviceKey): Promise<RevocationPage>;

  /** False when there is a group of this name. */
  addGroup(group: string): Promise<boolean>;
  /** Rights given to the group end with it. False: no such group. */
  removeGroup(group: string, at: number): Promise<boolean>;
  listGroups(): Promise<Group[]>;
  /** Undefined: no such group; otherwise the users that do not exist, and then nothing was changed. */
  changeMembers(group: string, change: MembersChange): Promise<{ readonly unknown: readonly string[] } | undefined>;
  /** Devices that were online at `at`. */
  recordSeen(devices: readonly DeviceKey[], at: number): Promise<void>;
  /** Which publications have a source now: a hint of this process for `search`, kept in memory only. */
  setLive(changes: LiveChanges): Promise<void>;
  /** Forgets what nobody can ask for any more. */
  prune(at: number): Promise<void>;

  /** A decision of an administrator, with its row of the audit. The same once more changes nothing. False: no such user or group. */
  changePolicy(change: PolicyChange, audit: AuditRow): Promise<boolean>;
  /** Undefined: nothing was decided since `revision`; none has a revision below 0. */
  policy(revision: number): Promise<PolicyState | undefined>;
  recordAudit(rows: readonly AuditRow[]): Promise<void>;
  /** Newest first. */
  listAudit(query: AuditQuery): Promise<AuditEntry[]>;
  pruneAudit(before: number): Promise<void>;
  close(): Promise<void>;
}

export interface NewAccount {
  readonly user: string;
  /** PHC string, see `common/wire/phc.ts`. */
  readonly passwordHash: string;
  readonly at: number;
}

export interface Account {
  readonly user: string;
  readonly passwordHash: string;
  readonly state: 'active' | 'disabled';
  /** Raised by `password`, `disable` and `remove`: resume tokens of an older one are dead. */
  readonly generation: number;
  readonly createdAt: number;
  readonly publications: number;
  readonly isAdmin: boolean;
  readonly isDepot: boolean;
}

export type AccountChange =
  | { readonly kind: 'password'; readonly passwordHash: string }
  | { readonly kind: 'disable' }
  | { readonly kind: 'enable' }
  | { readonly kind: 'remove' };

export interface Group {
  readonly group: string;
  /** By name. */
  readonly members: readonly string[];
}

export interface MembersChange {
  readonly kind: 'join' | 'leave';
  readonly users: readonly string[];
  readonly at: number;
}

export interface DeviceKey {
  readonly user: string;
  /** The device's pin. */
  readonly device: string;
}

export interface GivenTicket extends DeviceKey {
  readonly publicationId: string;
  readonly fileId: string;
  readonly size: number;
  readonly at: number;
}

export interface BegunContent extends DeviceKey {
  readonly publicationId: string;
  readonly fileId: string;
  readonly since: number;
}

export type Admission = 'admitted' | 'not-found' | 'passcode-needed' | 'used-up';

export interface LoginFacts {
  readonly account: Account | undefined;
  /** The device has logged in as this user before. */
  readonly isKnownDevice: boolean;
  readonly libraryRevision: number;
}

export interface ResumeFacts {
  readonly account: Account | undefined;
  /** `logout` ended this session. */
  readonly isEnded: boolean;
  readonly libraryRevision: number;
}

export interface Mutation {
  readonly session: string;
  /** Whose session it is. */
  readonly user: string;
  readonly requestId: string;
  /** SHA-256 of the body, base64url. */
  readonly bodyHash: string;
  readonly at: number;
  readonly acks: readonly string[];
  readonly change: Change;
}

export type Change =
  | ({
      readonly type: 'publish';
      readonly entries: readonly (PublishEntry | Refused)[];
      readonly quota: number;
      /** Bytes that the copies of one owner may have together: content that is stored is not replaced by more. Absent: what fits. */
      readonly putQuotaBytes?: number | undefined;
      /** Of all entries; absent: new ones are public, others keep theirs. */
      readonly rights?: Rights | undefined;
      readonly terms?: Terms | undefined;
    } & DeviceKey)
  | ({ readonly type: 'unpublish'; readonly names: readonly string[] } & DeviceKey)
  | ({
      readonly type: 'rights';
      readonly names: readonly string[];
      /** Absent: they stay as they are; `terms` likewise. */
      readonly rights?: Rights | undefined;
      readonly terms?: Terms | undefined;
    } & DeviceKey)
  | ({ readonly type: 'rename'; readonly entries: readonly RenameEntry[] } & DeviceKey)
  | PutChange
  | DelChange
  | StoredChange
  | PathsChange
  | { readonly type: 'logout' }
  /** Changes nothing in the store: only its outcome is kept. */
  | { readonly type: 'hold' };

export interface PublishEntry {
  /** Told again: refused when it was removed. */
  readonly publicationId?: string | undefined;
  readonly name: string;
  readonly fileId: string;
  readonly size: number;
  readonly kind: PublicationKind;
  readonly files?: number | undefined;
  readonly listingSize?: number | undefined;
  readonly replace: boolean;
  /** For a name not in use yet. */
  readonly newId: string;
}

export type RenameEntry = { readonly publicationId: string; readonly name: string } | Refused;

/** An entry that was found wrong before the store was asked. */
export interface Refused {
  readonly refused: ErrorBody;
}

export type MutationBody =
  | PathsOutcome
  | ReplyBody<'publish' | 'unpublish' | 'rights' | 'rename' | 'hold' | 'put' | 'del' | 'stored'>;

export type MutationOutcome =
  | { readonly kind: 'applied' | 'repeated'; readonly body: MutationBody }
  | { readonly kind: 'refused'; readonly code: ErrorCode };

/** Where a row stands in the order of all lists. */
export interface RowKey {
  readonly publishedAt: number;
  readonly publicationId: string;
}

export interface PublicationRow extends RowKey {
  readonly name: string;
  readonly owner: string;
  /** Pin of the device that holds it. */
  readonly device: string;
  readonly size: number;
  readonly fileId: string;
  readonly kind: PublicationKind;
  /** Of a folder: its `size` is that of all its files. */
  readonly files?: number;
  readonly listingSize?: number;
  readonly revision: number;
  readonly rights: Rights;
  /** PHC string; for the tracker alone. */
  readonly passcodeHash: string | undefined;
  readonly expiresAt: number | undefined;
  readonly downloads: { readonly most: number; readonly burn: boolean; readonly left: number } | undefined;
  /** When that device was last seen. */
  readonly lastSeenAt: number | undefined;
}

/** What narrows a search; all that is there must hold. See docs/protocol.md "search". */
export interface SearchFilters {
  readonly owner?: string | undefined;
  readonly idPrefix?: string | undefined;
  readonly minSize?: number | undefined;
  readonly maxSize?: number | undefined;
  readonly publishedAfter?: number | undefined;
  readonly publishedBefore?: number | undefined;
  readonly endings?: readonly string[] | undefined;
  readonly kind?: 'file' | 'folder' | undefined;
}

export interface SearchQuery extends SearchFilters {
  /** What this user may not fetch is not found, and not counted. */
  readonly viewer: string;
  readonly text: string;
  readonly ignoreCase: boolean;
  readonly exact: boolean;
  /** Only with a live source, see `setLive`. */
  readonly liveOnly: boolean;
  readonly exceptUser?: string | undefined;
  /** Only these. */
  readonly publicationIds?: readonly string[] | undefined;
  /** Default: `newest`. */
  readonly order?: SearchOrder | undefined;
  readonly limit: number;
  readonly after?: SearchKey | undefined;
}

/** Where a row stands in the order of its search. */
export interface SearchKey {
  /** When it was published, its size, or its folded name: whole, or its beginning. */
  readonly value: number | string;
  readonly publicationId: string;
}

export interface SearchPage {
  readonly rows: readonly PublicationRow[];
  /** Where to go on; absent at the end. */
  readonly next: SearchKey | undefined;
  /** The time budget ended before the page was full. */
  readonly isPartial: boolean;
}

export interface Revocation {
  readonly epoch: number;
  readonly kind: 'user' | 'publication' | 'ticket';
  readonly subject: string;
  /** Of a publication: whose tickets. */
  readonly user?: string;
  readonly at: number;
}

export interface RevocationPage {
  readonly revocations: readonly Revocation[];
  /** The newest there ever was. */
  readonly epoch: number;
}

export interface LiveChanges {
  readonly devices: readonly (DeviceKey & { readonly isLive: boolean })[];
  /** Publications that are live for another reason than their device. */
  readonly publications: readonly { readonly publicationId: string; readonly isLive: boolean }[];
}

export type PolicyChange = Extract<AdminAction, { do: 'ban' | 'unban' | 'limit' | 'grant' | 'reload' }>;

export interface PolicyState {
  readonly revision: number;
  /** Rises when an administrator asks for the settings to be read again. */
  readonly reloads: number;
  readonly bans: readonly Ban[];
  readonly limits: readonly Limit[];
  /** Folded names of users, by folded name of each group that occurs above. */
  readonly members: Readonly<Record<string, readonly string[]>>;
}

export interface Ban {
  readonly kind: BanKind;
  readonly subject: string;
  readonly reason: string;
  readonly until: number | undefined;
  readonly at: number;
}

export interface Limit {
  readonly kind: 'user' | 'group';
  readonly subject: string;
  readonly name: LimitName;
  readonly value: number;
}

export interface AuditRow {
  readonly at: number;
  readonly kind: AuditKind;
  /** Who did it. */
  readonly user: string;
  readonly device?: string | undefined;
  readonly address?: string | undefined;
  /** To what: a publicationId, a name. */
  readonly subject?: string | undefined;
  readonly detail?: string | undefined;
  /** Of a receipt: what was signed, as JSON. */
  readonly proof?: string | undefined;
}

export interface AuditEntry extends AuditRow {
  readonly id: number;
}

export interface AuditQuery {
  readonly before?: number | undefined;
  readonly kind?: AuditKind | undefined;
  readonly user?: string | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly limit: number;
}
