/**
 * The SQLite store itself, on one connection; it runs in the store's thread (`sqlite-thread.ts`), one step at a time.
 * WAL and synchronous=FULL: a step that has been committed is on the disk.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { systemClock } from '../../common/runtime/clock.js';
import * as accounts from './accounts-table.js';
import { atRisk } from './at-risk.js';
import * as audit from './audit-table.js';
import * as copies from './copies-table.js';
import { sweepPaths } from './folders-table.js';
import * as groups from './groups-table.js';
import { LiveSet } from './live-set.js';
import { migrate, refuseNewer } from './migrations.js';
import * as outcomes from './outcomes-table.js';
import { PageGuard } from './page-guard.js';
import { dropSums, sumsPath } from './page-sums.js';
import { changePolicy, policy } from './policy-table.js';
import * as publications from './publications-table.js';
import { revocations } from './revocations-table.js';
import { search } from './search.js';
import { searchPaths } from './search-paths.js';
import { nodeSqliteDialect } from './sqlite-dialect.js';
import type { Store } from './store.js';
import { fromSqlite } from './store-error.js';
import { damaged, judgeFiles, requireSound } from './store-health.js';
import type { Tables } from './tables.js';
import { expire } from './terms-table.js';
import * as tickets from './tickets-table.js';

/** How long opening waits for another process, such as one that migrates, ms. */
const OPEN_WAIT_MS = 10_000;
const PAGE_BYTES = 4_096;

export interface EngineOptions {
  readonly path: string;
  /** Most bytes the database may have, as if the disk were full then; default unbounded. */
  readonly maxBytes?: number | undefined;
  /** Look for damage first; not while a tracker runs on the store. */
  readonly shouldVerify?: boolean | undefined;
}

type Methods = Omit<Store, 'close'>;

export interface Engine {
  readonly database: DatabaseSync;
  readonly methods: Methods;
  readonly guard: PageGuard;
  /** What was found at opening, in sentences for a person. */
  readonly notices: readonly string[];
  close(): void;
}

/** @throws {StoreError} when the file cannot be opened, is no store, is damaged, or was written by a newer version. */
export function openEngine({ path, maxBytes, shouldVerify = false }: EngineOptions): Engine {
  using opened = new DisposableStack();
  try {
    const isNew = !existsSync(path);
    if (isNew && existsSync(sumsPath(path))) throw damaged(path, 'it is missing, though its checksums are there');
    // Kept open: closing it would drop the locks that SQLite holds on it. SQLite gives its other files the rights of this one.
    const fd = opened.adopt(openSync(path, 'a+', 0o600), closeSync);
    const health = shouldVerify && !isNew ? judgeFiles(path, fd) : undefined;
    const database = opened.adopt(new DatabaseSync(path, { timeout: OPEN_WAIT_MS }), (open) => open.close());
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    database.exec('PRAGMA wal_autocheckpoint = 0'); // the guard's work
    refuseNewer(database);
    if (health?.isProven === false) {
      requireSound(database, path);
      dropSums(path);
    }
    const guard = opened.adopt(new PageGuard(database, { path, fd }), (open) => open.close());
    if (maxBytes !== undefined) database.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`);
    migrate(database);
    if (shouldVerify) guard.begin();
    database.exec('PRAGMA busy_timeout = 0'); // from here on waiting is the thread's work, so that reads go on meanwhile
    const parts = opened.move();
    const methods = methodsOver(new Kysely<Tables>({ dialect: nodeSqliteDialect(database) }));
    return { database, methods, guard, notices: health?.notices ?? [], close: () => parts.dispose() };
  } catch (error) {
    const reason = fromSqlite(error);
    throw reason === error || reason.code !== 'corrupt' ? reason : damaged(path, reason.message);
  }
}

/** Methods that change the file; all others only read. */
export const WRITES: ReadonlySet<string> = new Set<keyof Methods>([
  'addAccounts',
  'createAccount',
  'changeAccount',
  'recordLogin',
  'mutate',
  'acknowledge',
  'recordTicket',
  'admit',
  'expire',
  'appointDepot',
  'addGroup',
  'removeGroup',
  'changeMembers',
  'recordSeen',
  'prune',
  'changePolicy',
  'recordAudit',
  'pruneAudit',
  'sweepPaths',
]);

function methodsOver(db: Kysely<Tables>): Methods {
  const live = new LiveSet();
  return {
    addAccounts: (list) => accounts.addAccounts(db, list),
    unseenUsers: (users) => accounts.unseenUsers(db, users),
    createAccount: (account) => accounts.createAccount(db, account),
    findAccount: (user) => accounts.findAccount(db, user),
    listAccounts: () => accounts.listAccounts(db),
    changeAccount: (user, change, at) => accounts.changeAccount(db, user, { change, at }),
    loginFacts: (user, device) => accounts.loginFacts(db, user, device),
    recordLogin: (login) => accounts.recordLogin(db, login),
    resumeFacts: (resume) => accounts.resumeFacts(db, resume),
    mutate: (mutation) => outcomes.mutate(db, mutation),
    acknowledge: (session, requestIds, at) => outcomes.acknowledge(db, { session, requestIds, at }),
    listPublished: (list) => publications.listPublished(db, list),
    search: (query) => search({ db, live, clock: systemClock }, query),
    searchPaths: (query) => searchPaths({ db, live, clock: systemClock }, query),
    findPublication: (publicationId, viewer) => publications.findPublication(db, publicationId, viewer),
    countPublications: (devices, viewer) => accounts.countPublications(db, devices, viewer),
    recordTicket: (ticket) => tickets.recordTicket(db, ticket),
    admit: (ticket, proof) => tickets.admit(db, ticket, proof),
    hasTicket: (publicationId, device) => tickets.hasTicket(db, publicationId, device),
    sizeOfBegun: (content) => tickets.sizeOfBegun(db, content),
    expire: (at) => expire(db, at),
    revocations: (since, limit, reader) => revocations(db, since, { limit, reader }),
    appointDepot: (user, isDepot) => copies.appointDepot(db, user, isDepot),
    isDepot: (user) => copies.isDepot(db, user),
    heldCopies: (depot) => copies.heldCopies(db, depot),
    depotWork: (list) => copies.depotWork(db, list),
    copiesOf: (publicationIds, viewer) => copies.copiesOf(db, publicationIds, viewer),
    findForDepot: (publicationId, depot) => copies.findForDepot(db, publicationId, depot),
    atRisk: (query) => atRisk(db, query),
    addGroup: (group) => groups.addGroup(db, group),
    removeGroup: (group, at) => groups.removeGroup(db, group, at),
    listGroups: () => groups.listGroups(db),
    changeMembers: (group, change) => groups.changeMembers(db, group, change),
    recordSeen: (devices, at) => accounts.recordSeen(db, devices, at),
    setLive: async (changes) => live.apply(changes),
    prune: (at) => outcomes.prune(db, at),
    changePolicy: async (change, row) => {
      const isKnown = await changePolicy(db, change, row.at);
      if (isKnown) await audit.recordAudit(db, [row]);
      return isKnown;
    },
    policy: (revision) => policy(db, revision),
    recordAudit: (rows) => audit.recordAudit(db, rows),
    listAudit: (query) => audit.listAudit(db, query),
    pruneAudit: (before) => audit.pruneAudit(db, before),
    sweepPaths: () => sweepPaths(db),
  };
}
