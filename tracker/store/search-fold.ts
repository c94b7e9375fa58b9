/**
 * The form in which names are indexed and compared when case does not count.
 * Folding goes letter by letter, so that the fold of a part of a name is a part of the fold of the name: the index finds every
 * candidate. Hence no normalisation here, and one form of sigma (lower-casing chooses the final one by its neighbours).
 */
export function searchFold(text: string): string {
  return text.toUpperCase().toLowerCase().replaceAll('ς', 'σ');
}
