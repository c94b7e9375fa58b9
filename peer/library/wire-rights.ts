import type { Rights } from '../api.js';
import type { Wish } from './library.js';

/** The fields `rights` and `terms` of a request; none of one that the tracker is to keep as it has it. */
export function wireWish({ rights, terms }: Wish) {
  return { ...(rights && { rights: wireRights(rights) }), ...(terms && { terms }) };
}

function wireRights(rights: Rights) {
  return rights === 'public' ? rights : { users: [...rights.users], groups: [...rights.groups] };
}
