import { type RawBuilder, sql } from 'kysely';

/** User names are ASCII, so this is the whole of case folding. */
export function foldUser(user: string): string {
  return user.toLowerCase();
}

/** The user's account, as a part of a statement. */
export function accountOf(user: string): RawBuilder<number> {
  return sql`(SELECT id FROM accounts WHERE user_fold = ${foldUser(user)})`;
}
