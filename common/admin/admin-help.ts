/** What `shoal admin` can do, as its help says it. Without the schemas: every start of the command line reads this. */
import { AUDIT_KINDS, LIMIT_NAMES } from '../protocol/admin-names.js';

/** What can be said, and what that is; a line of 80 columns each, or several. */
const WORDS: readonly (readonly [words: string, ...text: string[]])[] = [
  ['status, sessions', 'what goes on now: of a running tracker', '(--tracker)'],
  ['users, groups, bans, limits', 'what is decided'],
  ['audit', 'who did what, newest first (--since,', '--until, --of, --kind, --limit, --csv)'],
  ['verify FILE', 'judges the receipts of an audit exported', 'with --json; asks nobody'],
  ['ban user|group|network WHOM', 'ends their sessions and keeps them out', '(--for TIME, --reason TEXT)'],
  ['unban user|group|network WHOM', 'takes that back'],
  [
    'limit user|group WHOM NAME NUMBER',
    `NAME is ${LIMIT_NAMES.slice(0, 2).join(', ')},`,
    `${LIMIT_NAMES.slice(2).join(' or ')};`,
    'NUMBER counts, or bytes; or "default"',
  ],
  ['grant USER, revoke USER', 'admin rights'],
  ['add USER, passwd USER', 'a new account, a new password', '(--new-password-file, or a prompt)'],
  ['disable|enable|remove USER', 'accounts'],
  ['appoint USER, dismiss USER', 'who runs a depot, which keeps what', 'others put there'],
  ['group add|remove GROUP', 'a group of users'],
  ['group join|leave GROUP USER...', 'who is in it'],
  [
    'log-level LEVEL',
    'silent, error, warn, info or debug: of a',
    'running tracker, until its next start',
    '(--tracker)',
  ],
  ['reload', 'a running tracker reads its settings', 'again'],
];

const TEXT_COLUMN = 40;

export const ADMIN_HELP = `\nWords:\n${WORDS.flatMap(([words, ...text]) =>
  text.map((part, index) => `  ${(index === 0 ? words : '').padEnd(TEXT_COLUMN - 2)}${part}`),
).join('\n')}`;

/** What can be said with this word first; undefined when there is nothing. */
export function adminUsage(first: string): string | undefined {
  const found = WORDS.filter(([words]) =>
    words.split(', ').some((one) => one.split(' ')[0]?.split('|').includes(first)),
  );
  if (found.length === 0) return undefined;
  return found.map(([words, ...text]) => `admin ${words} (${text.join(' ')})`).join('; ');
}

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
