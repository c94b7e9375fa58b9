/** What an administrator may ask of a tracker, and the rows that come back; see docs/protocol.md "admin". */
import { z } from 'zod';
import { AUDIT_KINDS, LIMIT_NAMES } from './admin-names.js';
import { passwordHash } from './rights.js';

const safeInteger = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
/** An address, alone or with the number of bits that count. */
const network = z.string().regex(/^[0-9A-Fa-f.:]{2,45}(\/\d{1,3})?$/);
const reason = z
  .string()
  .max(200)
  .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value), 'not a line of text');

export const BAN_KINDS = ['user', 'group', 'network'] as const;
export type BanKind = (typeof BAN_KINDS)[number];

export type LimitName = (typeof LIMIT_NAMES)[number];

export type AuditKind = (typeof AUDIT_KINDS)[number];

export const LISTS = ['status', 'users', 'groups', 'sessions', 'bans', 'limits', 'audit'] as const;

/** Members that one action names. */
export const MAX_MEMBERS_NAMED = 100;

const subject = z.union([name, network]);

export const adminAction = z.discriminatedUnion('do', [
  z.object({
    do: z.literal('ban'),
    kind: z.enum(BAN_KINDS),
    subject,
    reason: reason.optional(),
    /** ms since epoch; absent: until `unban`. */
    until: safeInteger.optional(),
  }),
  z.object({ do: z.literal('unban'), kind: z.enum(BAN_KINDS), subject }),
  z.object({
    do: z.literal('limit'),
    kind: z.enum(['user', 'group']),
    subject: name,
    limit: z.enum(LIMIT_NAMES),
    /** Absent: the tracker's own limit counts again. */
    value: safeInteger.optional(),
  }),
  z.object({ do: z.literal('grant'), user: name, admin: z.boolean() }),
  z.object({ do: z.literal('user'), user: name, change: z.enum(['disable', 'enable', 'remove']) }),
  /** A new account, or a new password of one. The administrator's program makes the hash. */
  z.object({ do: z.literal('account'), user: name, isNew: z.boolean(), passwordHash }),
  z.object({ do: z.literal('depot'), user: name, appointed: z.boolean() }),
  z.object({ do: z.literal('group'), group: name, change: z.enum(['add', 'remove']) }),
  z.object({
    do: z.literal('members'),
    group: name,
    change: z.enum(['join', 'leave']),
    users: z.array(name).min(1).max(MAX_MEMBERS_NAMED),
  }),
  z.object({ do: z.literal('reload') }),
  z.object({ do: z.literal('logLevel'), level: z.enum(['silent', 'error', 'warn', 'info', 'debug']) }),
  z.object({
    do: z.literal('list'),
    what: z.enum(LISTS),
    /** Of the audit alone, as the next three. */
    kind: z.enum(AUDIT_KINDS).optional(),
    user: name.optional(),
    since: safeInteger.optional(),
    until: safeInteger.optional(),
    limit: z.number().int().min(1).max(1_000).optional(),
    cursor: z.string().max(128).optional(),
  }),
]);
export type AdminAction = z.output<typeof adminAction>;
export type AdminList = AdminAction & { readonly do: 'list' };

/** One row of a list: columns by name. */
export const adminRow = z.record(z.string().max(32), z.union([z.string().max(2_000), z.number(), z.boolean()]));
export type AdminRow = z.output<typeof adminRow>;
