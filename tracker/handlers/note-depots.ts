/** The audit of what is stored and removed: who, what, and what came of it. */
import type { ReplyBody } from '../../common/protocol/messages.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { PublicationRow } from '../store/store.js';

type Named = Pick<PublicationRow, 'publicationId' | 'owner' | 'name'>;

/** A row for each name: where it is stored or on its way, or why not. */
export function notePut(
  { audit }: Services,
  session: Session,
  names: readonly string[],
  { results }: ReplyBody<'put'>,
): void {
  for (const [index, result] of results.entries()) {
    const what = `@${session.user}/${names[index] ?? ''}`;
    if (result.ok) {
      const where = result.copies.map(({ depot, state }) => (state === 'wanted' ? depot : `${depot} (${state})`));
      audit.note('put', { ...who(session), subject: result.publicationId, detail: `${what} to ${where.join(', ')}` });
    } else audit.noteRefusal('put', { ...who(session), detail: `${what} refused: ${result.error.code}` });
  }
}

/** What a depot says of one copy: `all`, `none` or `full`. */
export function noteStored({ audit }: Services, session: Session, row: Named, has: string): void {
  audit.note('stored', { ...who(session), subject: row.publicationId, detail: `${nameOf(row)} ${has}` });
}

export function noteRemoved({ audit }: Services, session: Session, row: Named): void {
  audit.note('del', { ...who(session), subject: row.publicationId, detail: `${nameOf(row)} removed` });
}

/** `code`: why not. */
export function noteKept({ audit }: Services, session: Session, row: Named, code: string): void {
  audit.noteRefusal('del', { ...who(session), subject: row.publicationId, detail: `${nameOf(row)} refused: ${code}` });
}

function nameOf({ owner, name }: Named): string {
  return `@${owner}/${name}`;
}

function who({ user, device, observed }: Session) {
  return { user, device, address: observed.host };
}
