import { safeDisplay } from '../../common/content/safe-display.js';
import type { WorkRow } from '../../common/protocol/depot-fields.js';

/** A stored publication for a notice; nobody has told whose it is when it came from our own records. */
export function copyName({ name, owner }: Pick<WorkRow, 'name' | 'owner'>): string {
  return owner === '' ? safeDisplay(name) : `${safeDisplay(name)} of ${owner}`;
}
