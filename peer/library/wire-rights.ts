import type { Rights } from '../api.js';

/** The field `rights` of a request; nothing when the tracker is to keep what it has. */
export function rightsField(rights: Rights | undefined) {
  return rights === undefined ? {} : { rights: wireRights(rights) };
}

export function wireRights(rights: Rights) {
  return rights === 'public' ? rights : { users: [...rights.users], groups: [...rights.groups] };
}
