/** The store's methods over one connection, whichever engine it leads to; each runs inside a transaction that the engine begins and ends. */
import type { Kysely } from 'kysely';
import { systemClock } from '../../common/runtime/clock.js';
import * as accounts from './accounts-table.js';
import { atRisk } from './at-risk.js';
import * as audit from './audit-table.js';
import * as copies from './copies-table.js';
import { sweepPaths } from './folders-table.js';
import * as groups from './groups-table.js';
import type { LiveSet } from './live-set.js';
import type { NameIndex } from './name-index.js';
import * as outcomes from './outcomes-table.js';
import { changePolicy, policy } from './policy-table.js';
import * as rows from './publication-rows.js';
import { addRelayed, relayed } from './relayed-table.js';
import { revocations } from './revocations-table.js';
import { search } from './search.js';
import { searchPaths } from './search-paths.js';
import type { AuditRow, Change, Mutation, Store } from './store.js';
import type { Tables } from './tables.js';
import { expire } from './terms-table.js';
import * as tickets from './tickets-table.js';

export type Methods = Omit<Store, 'close'>;
/** By a name that came from elsewhere. */
export type AnyMethods = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;

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
  'addRelayed',
]);

/** Reads that take long, and what they alone ask for: where reads can go on beside writes, these do. */
export const SEARCHES: ReadonlySet<string> = new Set<keyof Methods>([
  'search',
  'searchPaths',
  'setLive',
  'countPublications',
  'atRisk',
]);

const REMOVALS: ReadonlySet<string> = new Set<keyof Methods>([
  'changeAccount',
  'changePolicy',
  'removeGroup',
  'changeMembers',
  'appointDepot',
  'expire',
]);
const REMOVING_CHANGES: ReadonlySet<Change['type']> = new Set(['unpublish', 'del', 'rights', 'logout']);

/** Withdraws, revokes or bans, or says that an administrator did: a full disk must not be in the way of it. */
export function isRemoval(method: string, args: readonly unknown[]): boolean {
  if (method === 'mutate') return REMOVING_CHANGES.has((args[0] as Mutation).change.type);
  if (method === 'recordAudit') return (args[0] as readonly AuditRow[]).every(({ kind }) => kind === 'admin');
  return REMOVALS.has(method);
}

/** `searchBudgetMs`: one search may hold up the others no longer than this. */
export function methodsOver(
  db: Kysely<Tables>,
  {
    live,
    searchBudgetMs,
    names,
  }: { readonly live: LiveSet; readonly searchBudgetMs: number; readonly names?: NameIndex | undefined },
): Methods {
  const place = { db, live, names, clock: systemClock, budgetMs: searchBudgetMs };
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
    acknowledge: (session, requestIds) => outcomes.acknowledge(db, session, requestIds),
    listPublished: (list) => rows.listPublished(db, list),
    search: (query) => search(place, query),
    searchPaths: (query) => searchPaths(place, query),
    findPublication: (publicationId, viewer) => rows.findPublication(db, publicationId, viewer),
    countPublications: (devices, viewer) => accounts.countPublications(db, devices, viewer),
    recordTicket: (ticket) => tickets.recordTicket(db, ticket),
    admit: (ticket, proof) => tickets.admit(db, ticket, proof),
    hasTicket: (publicationId, device) => tickets.hasTicket(db, publicationId, device),
    sizeOfBegun: (content) => tickets.sizeOfBegun(db, content),
    expire: (at) => expire(db, at),
    revocations: (since, limit, reader) => revocations(db, since, { limit, reader }),
    appointDepot: (user, isDepot, at) => copies.appointDepot(db, user, { isDepot, at }),
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
    relayed: (at) => relayed(db, at),
    addRelayed: (added, at) => addRelayed(db, added, at),
  };
}

/** A store whose methods are calls by name. */
export function storeOf(
  call: (method: keyof Methods, args: readonly unknown[]) => Promise<unknown>,
  close: () => Promise<void>,
): Store {
  const method = <K extends keyof Methods>(name: K) =>
    ((...args: readonly unknown[]) => call(name, args)) as unknown as Store[K];
  return {
    addAccounts: method('addAccounts'),
    unseenUsers: method('unseenUsers'),
    createAccount: method('createAccount'),
    findAccount: method('findAccount'),
    listAccounts: method('listAccounts'),
    changeAccount: method('changeAccount'),
    loginFacts: method('loginFacts'),
    recordLogin: method('recordLogin'),
    resumeFacts: method('resumeFacts'),
    mutate: method('mutate'),
    acknowledge: method('acknowledge'),
    listPublished: method('listPublished'),
    search: method('search'),
    searchPaths: method('searchPaths'),
    findPublication: method('findPublication'),
    countPublications: method('countPublications'),
    recordTicket: method('recordTicket'),
    admit: method('admit'),
    hasTicket: method('hasTicket'),
    sizeOfBegun: method('sizeOfBegun'),
    expire: method('expire'),
    revocations: method('revocations'),
    appointDepot: method('appointDepot'),
    isDepot: method('isDepot'),
    heldCopies: method('heldCopies'),
    depotWork: method('depotWork'),
    copiesOf: method('copiesOf'),
    findForDepot: method('findForDepot'),
    atRisk: method('atRisk'),
    addGroup: method('addGroup'),
    removeGroup: method('removeGroup'),
    listGroups: method('listGroups'),
    changeMembers: method('changeMembers'),
    recordSeen: method('recordSeen'),
    setLive: method('setLive'),
    prune: method('prune'),
    changePolicy: method('changePolicy'),
    policy: method('policy'),
    recordAudit: method('recordAudit'),
    listAudit: method('listAudit'),
    pruneAudit: method('pruneAudit'),
    sweepPaths: method('sweepPaths'),
    relayed: method('relayed'),
    addRelayed: method('addRelayed'),
    close,
  };
}
