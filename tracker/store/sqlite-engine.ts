/**
 * The SQLite store itself, on one connection; it runs in the store's thread (`sqlite-thread.ts`), one step at a time.
 * WAL and synchronous=FULL: a step that has been committed is on the disk.
 */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { systemClock } from '../../common/runtime/clock.js';
import * as accounts from './accounts-table.js';
import * as groups from './groups-table.js';
import { LiveSet } from './live-set.js';
import { migrate } from './migrations.js';
import * as outcomes from './outcomes-table.js';
import * as publications from './publications-table.js';
import { revocations } from './revocations-table.js';
import { search } from './search.js';
import { nodeSqliteDialect } from './sqlite-dialect.js';
import type { Store } from './store.js';
import { fromSqlite } from './store-error.js';
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
}

type Methods = Omit<Store, 'close'>;

export interface Engine {
  readonly database: DatabaseSync;
  readonly methods: Methods;
}

/** @throws {StoreError} when the file cannot be opened, is no store, or was written by a newer version. */
export function openEngine(options: EngineOptions): Engine {
  try {
    closeSync(openSync(options.path, 'a', 0o600)); // SQLite gives its other files the rights of this one
    const database = new DatabaseSync(options.path, { timeout: OPEN_WAIT_MS });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    if (options.maxBytes !== undefined)
      database.exec(`PRAGMA max_page_count = ${Math.ceil(options.maxBytes / PAGE_BYTES)}`);
    migrate(database);
    database.exec('PRAGMA busy_timeout = 0'); // from here on waiting is the thread's work, so that reads go on meanwhile
    return { database, methods: methodsOver(new Kysely<Tables>({ dialect: nodeSqliteDialect(database) })) };
  } catch (error) {
    throw fromSqlite(error);
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
  'addGroup',
  'removeGroup',
  'changeMembers',
  'recordSeen',
  'prune',
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
    findPublication: (publicationId, viewer) => publications.findPublication(db, publicationId, viewer),
    countPublications: (devices, viewer) => accounts.countPublications(db, devices, viewer),
    recordTicket: (ticket) => tickets.recordTicket(db, ticket),
    admit: (ticket, proof) => tickets.admit(db, ticket, proof),
    hasTicket: (publicationId, device) => tickets.hasTicket(db, publicationId, device),
    sizeOfBegun: (content) => tickets.sizeOfBegun(db, content),
    expire: (at) => expire(db, at),
    revocations: (since, limit, reader) => revocations(db, since, { limit, reader }),
    addGroup: (group) => groups.addGroup(db, group),
    removeGroup: (group, at) => groups.removeGroup(db, group, at),
    listGroups: () => groups.listGroups(db),
    changeMembers: (group, change) => groups.changeMembers(db, group, change),
    recordSeen: (devices, at) => accounts.recordSeen(db, devices, at),
    setLive: async (changes) => live.apply(changes),
    prune: (at) => outcomes.prune(db, at),
  };
}
