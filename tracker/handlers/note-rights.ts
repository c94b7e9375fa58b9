import type { Rights, Terms } from '../../common/protocol/messages.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';

/** Of the names of rights that may be long lists, so that nobody can fill the audit with one request. */
const MAX_DETAIL = 300;

interface Given {
  readonly rights?: Rights | undefined;
  readonly terms?: Terms | undefined;
}

/** Notes who may fetch what from now on; `names` are those for which it was applied. */
export function noteRights({ audit }: Services, session: Session, names: readonly string[], given: Given): void {
  const { user, device, observed } = session;
  const { rights, terms } = given;
  const detail = [rights === undefined ? '' : textOf(rights), terms === undefined ? '' : 'terms'].join(' ').trim();
  for (const subject of names)
    audit.note('rights', { user, device, address: observed.host, subject, detail: shortened(detail) });
}

function textOf(given: Rights): string {
  if (given === 'public') return given;
  return `users ${given.users.join(',') || 'none'}; groups ${given.groups.join(',') || 'none'}`;
}

function shortened(text: string): string {
  return text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL)}…` : text;
}
