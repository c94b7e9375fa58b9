/** The words behind `shoal admin`: the same on the tracker's computer and, with `--tracker`, over the network. */

import { type AdminAction, type AdminList, LISTS } from '../protocol/admin-messages.js';
import { AUDIT_KINDS } from '../protocol/admin-names.js';
import { parseAdminAction } from '../protocol/parse.js';
import { adminUsage } from './admin-help.js';

/** What cannot be understood, and what would be. */
export class AdminUsageError extends Error {
  override readonly name = 'AdminUsageError';
  readonly code = 'usage';
}

export type AdminOptions = Readonly<Record<string, unknown>>;

/** The rows wanted in all, over as many pages as that takes. */
export function rowsWantedOf({ limit }: AdminOptions): number {
  if (limit === undefined) return 100;
  if (limit === 'all') return Number.MAX_SAFE_INTEGER;
  if (typeof limit === 'string' && /^[1-9]\d{0,8}$/.test(limit)) return Number(limit);
  throw new AdminUsageError(`--limit is ${JSON.stringify(limit)}, which is neither a number from 1 on nor "all".`);
}

/** Whose password the words are about, which the caller has to get; undefined: nobody's. */
export function passwordWish([word, user, ...more]: readonly string[]): { user: string; isNew: boolean } | undefined {
  if ((word !== 'add' && word !== 'passwd') || user === undefined || more.length > 0) return undefined;
  return { user, isNew: word === 'add' };
}

/** `passwordHash`: of the new password, where `passwordWish` asks for one. @throws {AdminUsageError} */
export function readAdminWords(
  words: readonly string[],
  options: AdminOptions,
  { now, passwordHash }: { readonly now: number; readonly passwordHash?: string | undefined },
): AdminAction {
  const wish = passwordWish(words);
  const action = wish === undefined ? actionOf(words, options, now) : { do: 'account', ...wish, passwordHash };
  const parsed = action === undefined ? undefined : parseAdminAction(action);
  if (parsed === undefined) throw new AdminUsageError(notUnderstood(words));
  return parsed;
}

function notUnderstood(words: readonly string[]): string {
  const usage = adminUsage(words[0] ?? '');
  const known = usage === undefined ? '' : ` What there is: ${usage}.`;
  return `"admin ${words.join(' ')}" is not understood.${known} See: shoal admin --help`;
}

function actionOf(words: readonly string[], options: AdminOptions, now: number): object | undefined {
  const [word = '', first, second, third, fourth] = words;
  const isLength = (count: number): boolean => words.length === count;
  switch (word) {
    case 'ban':
      return isLength(3) ? { do: 'ban', kind: first, subject: second, ...banOptions(options, now) } : undefined;
    case 'unban':
      return isLength(3) ? { do: 'unban', kind: first, subject: second } : undefined;
    case 'limit':
      return isLength(5) ? limitOf({ kind: first, subject: second, limit: third }, fourth) : undefined;
    case 'grant':
    case 'revoke':
      return isLength(2) ? { do: 'grant', user: first, admin: word === 'grant' } : undefined;
    case 'disable':
    case 'enable':
    case 'remove':
      return isLength(2) ? { do: 'user', user: first, change: word } : undefined;
    case 'appoint':
    case 'dismiss':
      return isLength(2) ? { do: 'depot', user: first, appointed: word === 'appoint' } : undefined;
    case 'group':
      return groupOf(words.slice(1));
    case 'log-level':
      return isLength(2) ? { do: 'logLevel', level: first } : undefined;
    case 'reload':
      return isLength(1) ? { do: 'reload' } : undefined;
    default:
      return isLength(1) && (LISTS as readonly string[]).includes(word) ? listOf(word, options, now) : undefined;
  }
}

function groupOf([change, group, ...users]: readonly string[]): object {
  if (change === 'join' || change === 'leave') return { do: 'members', group, change, users };
  return { do: users.length === 0 ? 'group' : 'not understood', group, change };
}

function limitOf(limit: object, value: string | undefined): object | undefined {
  if (value === 'default') return { do: 'limit', ...limit };
  return value !== undefined && /^\d{1,15}$/.test(value) ? { do: 'limit', ...limit, value: Number(value) } : undefined;
}

function banOptions(options: AdminOptions, now: number): object {
  const { reason } = options;
  const forMs = options['for'] === undefined ? undefined : durationMs(options['for']);
  if (options['for'] !== undefined && forMs === undefined)
    throw new AdminUsageError(`--for is ${JSON.stringify(options['for'])}, which is no time such as 30m, 12h or 7d.`);
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(forMs === undefined ? {} : { until: Math.floor(now + forMs) }),
  };
}

function listOf(what: string, { kind, of, since, until }: AdminOptions, now: number): object {
  if (kind !== undefined && !(AUDIT_KINDS as readonly unknown[]).includes(kind))
    throw new AdminUsageError(`--kind is ${JSON.stringify(kind)}, which is none of: ${AUDIT_KINDS.join(', ')}.`);
  const moments = { since: momentOf('--since', since, now), until: momentOf('--until', until, now) };
  const given = Object.entries({ kind, user: of, ...moments }).filter(([, value]) => value !== undefined);
  return { do: 'list', what, ...Object.fromEntries(given) };
}

/** A date, or how long ago. */
function momentOf(flag: string, text: unknown, now: number): number | undefined {
  if (text === undefined) return undefined;
  const agoMs = durationMs(text);
  if (agoMs !== undefined) return Math.max(0, Math.floor(now - agoMs));
  const at = typeof text === 'string' && /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (at >= 0) return at;
  throw new AdminUsageError(
    `${flag} is ${JSON.stringify(text)}, which is no date such as 2026-11-21 and no time such as 7d.`,
  );
}

const MS_PER_UNIT: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function durationMs(text: unknown): number | undefined {
  const [, digits, unit = ''] = typeof text === 'string' ? (/^(\d{1,9})([smhd])$/.exec(text) ?? []) : [];
  return digits === undefined ? undefined : Number(digits) * (MS_PER_UNIT[unit] ?? 0);
}

/** The action as it may be printed: without the hash of a password. */
export function shownAction(action: AdminAction): object {
  if (action.do !== 'account') return action;
  const { passwordHash: _, ...rest } = action;
  return rest;
}

/** Who or what the tracker does not know; `list` is the command that shows what it does. */
export function unknownText(action: AdminAction, list: (words: string) => string): string {
  const isGroup = action.do === 'group' || action.do === 'members' || ('kind' in action && action.kind === 'group');
  return `${unknownOf(action)}, so nothing was changed. See what there is with: ${list(isGroup ? 'admin groups' : 'admin users')}`;
}

function unknownOf(action: AdminAction): string {
  switch (action.do) {
    case 'ban':
    case 'unban':
    case 'limit':
      return `There is no ${action.kind} ${action.subject}`;
    case 'group':
      return `There is no group ${action.group}`;
    case 'members':
      return `There is no group ${action.group}, or somebody is no user of: ${action.users.join(', ')}`;
    default:
      return 'user' in action && action.user !== undefined
        ? `There is no user ${action.user}`
        : 'There is no such user';
  }
}

/** What has been done, for a person. The same once more is true again. */
export function doneText(action: Exclude<AdminAction, AdminList>): string {
  switch (action.do) {
    case 'ban':
      return `${action.kind} ${action.subject} is banned${action.until === undefined ? '' : ` until ${new Date(action.until).toISOString()}`}`;
    case 'unban':
      return `no ban names ${action.kind} ${action.subject} any more; what else keeps somebody out is in: admin bans`;
    case 'limit':
      return `${action.limit} of ${action.kind} ${action.subject}: ${action.value ?? "the tracker's own"}`;
    case 'grant':
      return `${action.user} ${action.admin ? 'has admin rights' : 'has no admin rights'}`;
    case 'user':
      return `${action.user} ${{ disable: 'is disabled', enable: 'is enabled', remove: 'is removed' }[action.change]}`;
    case 'account':
      return `${action.user} ${action.isNew ? 'added' : 'has a new password; all sessions of this user have ended'}`;
    case 'depot':
      return `${action.user} ${action.appointed ? 'may run a depot' : 'is no depot any more; what it has is not offered any longer'}`;
    case 'group':
      return `group ${action.group} ${action.change === 'add' ? 'added' : 'removed; what was shared with it is not any more'}`;
    case 'members':
      return `${action.users.join(', ')} ${action.change === 'join' ? 'joined' : 'left'} ${action.group}`;
    case 'logLevel':
      return `the log level is ${action.level}`;
    case 'reload':
      return 'a running tracker reads its settings again; what is wrong with them is in its log';
  }
}
