import type { Rights } from '../api.js';
import type { LibraryEntry, Wish } from './library.js';

/** The fields `rights` and `terms` of a request; none of one that the tracker is to keep as it has it. */
export function wireWish({ rights, terms }: Wish) {
  return { ...(rights && { rights: wireRights(rights) }), ...(terms && { terms }) };
}

function wireRights(rights: Rights) {
  return rights === 'public' ? rights : { users: [...rights.users], groups: [...rights.groups] };
}

export function wishOf(entry: LibraryEntry | undefined): Wish {
  return { rights: entry?.wishedRights, terms: entry?.wishedTerms };
}

/** One request carries one set of rights and terms. What an entry wishes is kept in the library until the tracker has it. */
export function inWishes<T>(batch: readonly T[], entryOf: (item: T) => LibraryEntry | undefined): T[][] {
  return [...Map.groupBy(batch, (item) => JSON.stringify(wireWish(wishOf(entryOf(item))))).values()];
}
