/** What is said at the first contact with a tracker, and when its identity is not the one on record. */

import { safeDisplay } from '../../common/content/safe-display.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import type { TrackerContact } from '../api.js';

/** The question that SSH asks too; the answer is `yes`, `no`, or the fingerprint itself. */
export function firstContactText({ address, pin }: Pick<TrackerContact, 'address' | 'pin'>): readonly string[] {
  return [
    `This is the first contact with the tracker ${safeDisplay(address)}. Its fingerprint is`,
    `  ${safeDisplay(pin)}`,
    'Compare it with what the person who runs the tracker gave you: only they can say that it is theirs.',
  ];
}

/** Loud on purpose: either the tracker was set up anew, or somebody stands between. */
export function changedPinText({ address, pin, pinnedBefore }: TrackerContact): readonly string[] {
  const shown = safeDisplay(address);
  return [
    `The identity of the tracker ${shown} HAS CHANGED. Nothing was sent to it.`,
    '  on record:',
    `  ${safeDisplay(pinnedBefore ?? 'unknown')}`,
    '  it shows now:',
    `  ${safeDisplay(pin)}`,
    'Somebody may be pretending to be your tracker, or it was set up anew. Ask the person who runs it. If the new fingerprint is right:',
    `  ${ownCommand(`trust forget ${shown}`)}`,
    'and log in again.',
  ];
}
