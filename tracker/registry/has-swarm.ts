import type { PublicationRow } from '../store/store.js';

/** Where downloads are counted, only the publisher gives: nobody could count what others pass on. */
export function hasSwarm({ downloads }: Pick<PublicationRow, 'downloads'>): boolean {
  return downloads === undefined;
}
