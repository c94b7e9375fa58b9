/** What `shoal admin` can do, as its help says it. Without the schemas: every start of the command line reads this. */
import { AUDIT_KINDS, LIMIT_NAMES } from '../protocol/admin-names.js';

export const ADMIN_HELP = `
Words:
  status, sessions                          what goes on now (asks a running tracker: --tracker)
  users, groups, bans, limits               what is decided
  audit                                     who did what, newest first (--since, --until, --user, --kind, --limit, --csv)
  verify FILE                               judges the receipts of an audit exported with --json; asks nobody
  ban user|group|network WHOM               ends their sessions and keeps them out (--for TIME, --reason TEXT)
  unban user|group|network WHOM
  limit user|group WHOM NAME NUMBER         NAME is ${LIMIT_NAMES.join(', ')}; NUMBER or "default"
  grant USER, revoke USER                   admin rights
  add USER, passwd USER                     a new account, a new password (--new-password-file, or a prompt)
  disable USER, enable USER, remove USER    accounts
  appoint USER, dismiss USER                who runs a depot, which keeps what others put there
  group add|remove GROUP
  group join|leave GROUP USER...            who is in it
  log-level LEVEL                           of a running tracker, until its next start (--tracker)
  reload                                    a running tracker reads its settings again`;

/** Flags and what they say; each is known to both programs. */
export const ADMIN_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ['--for <TIME>', 'ban: ends by itself after so long, such as 30m, 12h or 7d'],
  ['--reason <TEXT>', 'ban: what the banned user is told'],
  ['--new-password-file <FILE>', 'add, passwd: the first line is the new password'],
  ['--since <TIME>', 'audit: from this date on, or so long ago, such as 7d'],
  ['--until <TIME>', 'audit: before this date, or so long ago'],
  ['--of <USER>', 'audit: what this user did'],
  ['--kind <KIND>', `audit: ${AUDIT_KINDS.join(', ')}`],
  ['--limit <ROWS>', 'most rows (default: 100; audit --limit all: every one)'],
  ['--csv', 'rows as comma-separated values'],
];
