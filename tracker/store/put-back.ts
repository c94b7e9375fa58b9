/**
 * What follows when a store was put back to an older day, in the SQL of both engines. Peers have seen numbers of revocations that it does
 * not know, those after an earlier time that it was put back among them, and must not take the next ones for old.
 */

/** Added to the newest revocation's number, or to the time in ms, whichever is more. */
export const EPOCH_JUMP = 1_000_000;

/** The jump, on PostgreSQL. */
export const MOVE_EPOCH_ON =
  'UPDATE counters SET value = greatest(value, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)' +
  ` + ${EPOCH_JUMP} WHERE name = 'epoch'`;

/** After the jump: a generation above all that there have been, so that no resume token is good any more. */
export const END_SESSIONS = "UPDATE accounts SET generation = (SELECT value FROM counters WHERE name = 'epoch')";
