/** Names that people type in `shoal admin`, apart from the schemas: the help of every command shows them. */

export const AUDIT_KINDS = [
  'login',
  'login-failed',
  'logout',
  'rights',
  'ticket',
  'fetched',
  'receipt',
  'put',
  'stored',
  'del',
  'admin',
] as const;

/** What can be limited: publications at a time, entries published a second, requests a second, bytes relayed a day. */
export const LIMIT_NAMES = ['publications', 'publishRate', 'requestRate', 'relayBytes'] as const;
