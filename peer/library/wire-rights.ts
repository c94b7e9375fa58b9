import type { Rights } from '../api.js';
import type { Library, LibraryEntry, Wish } from './library.js';

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
export function inWishes<T extends { readonly name: string }>(library: Library, batch: readonly T[]): T[][] {
  return [...Map.groupBy(batch, ({ name }) => JSON.stringify(wireWish(wishOf(library.byName(name))))).values()];
}
