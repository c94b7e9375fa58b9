/** What an administrator's words do: for the handler of a running tracker, and for `shoal admin` on a store. */
import type { AdminAction, AdminList, AdminRow } from '../../common/protocol/admin-messages.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { networkOf, networkProblem } from '../policy/policy.js';
import type { AuditRow, PolicyChange, Store } from '../store/store.js';
import { changePeople } from './change-people.js';

/** What only a running tracker knows and does. */
export interface LiveDesk {
  readonly status: () => AdminRow;
  readonly sessions: () => readonly AdminRow[];
  /** Its own limits, for whom none was set. */
  readonly limits: () => readonly AdminRow[];
  readonly setLogLevel: (level: string) => Promise<void>;
  /** Resolves when what the store says now is in force. */
  readonly refresh: () => Promise<void>;
}

export interface AdminPlace {
  readonly store: Store;
  readonly live?: LiveDesk | undefined;
}

/** Who asks, for the audit. */
export type Actor = Pick<AuditRow, 'user' | 'device' | 'address'>;

export interface AdminAnswer {
  readonly rows: readonly { readonly row: AdminRow; readonly cursor: number }[];
  /** More rows follow behind this. */
  readonly next?: number | undefined;
}

const DONE: AdminAnswer = { rows: [] };
const DEFAULT_ROWS = 100;
/** Characters that one column of a row may have. */
const MAX_CELL = 1_000;

interface Asked {
  readonly actor: Actor;
  readonly action: AdminAction;
  /** ms since epoch. */
  readonly at: number;
  readonly cursor?: number | undefined;
}

/** @throws {ProtocolError} `unknown-name`, `bad-message`, or `not-allowed` for what only a running tracker can. */
export async function performAdmin(place: AdminPlace, asked: Asked): Promise<AdminAnswer> {
  const { action, at, actor } = asked;
  const audit: AuditRow = { ...actor, at, kind: 'admin', ...describeAction(action) };
  switch (action.do) {
    case 'list':
      return list(place, action, asked.cursor);
    case 'logLevel': {
      const live = running(place); // what cannot be done here leaves no row that says it was
      await place.store.recordAudit([audit]);
      await live.setLogLevel(action.level);
      return DONE;
    }
    case 'user':
    case 'account':
    case 'depot':
    case 'group':
    case 'members':
      await changePeople(place.store, action, audit);
      await place.store.recordAudit([audit]);
      return DONE;
    default:
      await changePolicy(place, action, audit);
      return DONE;
  }
}

async function changePolicy({ store, live }: AdminPlace, change: PolicyChange, audit: AuditRow): Promise<void> {
  const wanted = asWritten(change);
  // One that an older version wrote down as it was typed.
  if (wanted !== change && change.do === 'unban') await store.changePolicy(change, audit);
  if (!(await store.changePolicy(wanted, audit))) throw new ProtocolError('unknown-name');
  await live?.refresh();
}

/** A network has one spelling, so that a ban of it is found again. @throws {ProtocolError} `bad-message` */
function asWritten(change: PolicyChange): PolicyChange {
  if ((change.do !== 'ban' && change.do !== 'unban') || change.kind !== 'network') return change;
  const problem = networkProblem(change.subject);
  if (problem !== undefined) throw new ProtocolError('bad-message', problem);
  const subject = networkOf(change.subject);
  return subject === change.subject ? change : { ...change, subject };
}

/** For the audit: what was done, to whom. */
export function describeAction(action: AdminAction): { subject?: string; detail: string } {
  switch (action.do) {
    case 'ban':
    case 'unban':
      return {
        subject: action.subject,
        detail: [action.do, action.kind, 'reason' in action ? action.reason : ''].join(' ').trim(),
      };
    case 'limit':
      return { subject: action.subject, detail: `limit ${action.kind} ${action.limit} ${action.value ?? 'default'}` };
    case 'grant':
      return { subject: action.user, detail: action.admin ? 'grant admin' : 'revoke admin' };
    case 'user':
      return { subject: action.user, detail: action.change };
    case 'account':
      return { subject: action.user, detail: action.isNew ? 'user add' : 'user password' };
    case 'depot':
      return { subject: action.user, detail: action.appointed ? 'appoint' : 'dismiss' };
    case 'group':
      return { subject: action.group, detail: `group ${action.change}` };
    case 'members':
      return { subject: action.group, detail: `group ${action.change} ${action.users.join(',')}`.slice(0, 900) };
    case 'logLevel':
      return { detail: `log level ${action.level}` };
    case 'list':
      return { detail: `list ${action.what}` };
    case 'reload':
      return { detail: 'reload' };
  }
}

async function list(place: AdminPlace, action: AdminList, cursor: number | undefined): Promise<AdminAnswer> {
  const limit = action.limit ?? DEFAULT_ROWS;
  if (action.what === 'audit') return listAudit(place.store, action, { limit, before: cursor });
  const start = cursor ?? 0;
  const all = await rowsOf(place, action);
  const rows = all.slice(start, start + limit).map((row, index) => ({ row, cursor: start + index + 1 }));
  return { rows, next: start + limit < all.length ? start + limit : undefined };
}

async function listAudit(
  store: Store,
  { kind, user, since, until }: AdminList,
  { limit, before }: { limit: number; before: number | undefined },
): Promise<AdminAnswer> {
  const entries = await store.listAudit({ kind, user, since, until, before, limit: limit + 1 });
  const page = entries.slice(0, limit);
  const rows = page.map((entry) => ({ row: withoutAbsent(entry), cursor: entry.id }));
  return { rows, next: entries.length > limit ? page.at(-1)?.id : undefined };
}

async function rowsOf(place: AdminPlace, { what }: AdminList): Promise<readonly AdminRow[]> {
  const { store } = place;
  switch (what) {
    case 'users':
      return (await store.listAccounts()).map(({ user, state, isAdmin, isDepot, publications, createdAt }) => ({
        user,
        state,
        admin: isAdmin,
        depot: isDepot,
        publications,
        createdAt,
      }));
    case 'groups':
      return (await store.listGroups()).map(({ group, members }) => ({
        group,
        members: members.length,
        users: shortened(members.join(' ')),
      }));
    case 'bans':
      return ((await store.policy(-1))?.bans ?? []).map(withoutAbsent);
    case 'limits': {
      const set = ((await store.policy(-1))?.limits ?? []).map(({ kind, subject, name, value }) => ({
        kind,
        subject,
        limit: name,
        value,
      }));
      return [...(place.live?.limits() ?? []), ...set];
    }
    case 'sessions':
      return running(place).sessions();
    default:
      return [running(place).status()];
  }
}

function running({ live }: AdminPlace): LiveDesk {
  if (live !== undefined) return live;
  throw new ProtocolError('not-allowed', 'Only a running tracker knows that. Ask it with --tracker HOST:PORT.');
}

/** A row has a limit: of a large group the first ones are shown, and the number of all. */
function shortened(text: string): string {
  return text.length <= MAX_CELL ? text : `${text.slice(0, MAX_CELL - 2)} …`;
}

function withoutAbsent(row: object): AdminRow {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as AdminRow;
}
