/** Stored copies in words: `put`, `del`, `at-risk`. */
import { formatCount, formatSize } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import { type DelInput, type DelOutcome, PeerError, type PutInput, type PutOutcome, type RiskRow } from '../api.js';
import { type Listing, listingOf, stacked } from './listing.js';
import { skippedSpans } from './outcomes.js';
import { type PasscodeSource, withPasscode } from './passcode.js';
import { problemText } from './problem.js';
import { publicationTable } from './publications.js';
import { type Row, row, span } from './row.js';
import { shortId } from './selector.js';

/** `file.bin stored at archive`, or what is wrong with this path. */
export function putOutcome(outcome: PutOutcome): Row {
  if (!outcome.ok) return [span(`${safeDisplay(outcome.path)}: `), span(problemText(outcome.problem), 'bad')];
  const { name, sizeBytes, files, fileId } = outcome.publication;
  const inside = files === undefined ? '' : `${formatCount(files, 'file')}  `;
  const where = outcome.depots.map((depot) => safeDisplay(depot)).join(', ');
  return [
    span(`${safeDisplay(name)} stored at ${where}`, 'good'),
    span(`  ${inside}${formatSize(sizeBytes)}  ${shortId(fileId)}`, 'faint'),
    ...skippedSpans(outcome),
  ];
}

/** What `put` says besides: encryption ends where it is stored. */
export function readersNote(outcomes: readonly PutOutcome[]): string | undefined {
  const depots = [...new Set(outcomes.flatMap((outcome) => (outcome.ok ? outcome.depots : [])))];
  if (depots.length === 0) return undefined;
  return `It stays there when you leave. Whoever runs ${depots.map((depot) => safeDisplay(depot)).join(' or ')} can read it.`;
}

/** `file.bin removed`, or why not. */
export function delOutcome(outcome: DelOutcome): Row {
  if (!outcome.ok) return [span(`${safeDisplay(outcome.selector)}: `), span(problemText(outcome.problem), 'bad')];
  return row(`${safeDisplay(outcome.publication.name)} removed, with all stored copies`, 'good');
}

/** `2 files at risk:` and the table, or that there is none. */
export function listAtRisk(
  rows: readonly RiskRow[],
  options: { readonly width: number; readonly now: number },
): Listing {
  if (rows.length === 0) return listingOf([row('No files at risk: each has two holders that were seen lately')]);
  const heading = `${formatCount(rows.length, 'file')} at risk, with one holder or none that was seen lately:`;
  return stacked([listingOf([row(heading)]), publicationTable(rows, { ...options, columns: 'found' })]);
}

export interface DelParts {
  readonly run: (input: DelInput) => Promise<{ readonly outcomes: readonly DelOutcome[] }>;
  readonly source: PasscodeSource;
}

/** Removes one after the other, and asks for the passcode of each that wants one. */
export async function delEach(selectors: readonly string[], { run, source }: DelParts): Promise<DelOutcome[]> {
  const outcomes: DelOutcome[] = [];
  for (const selector of selectors) {
    let last: DelOutcome | undefined;
    const use = async (passcode: string | undefined): Promise<void> => {
      [last] = (await run({ selectors: [selector], ...(passcode && { passcode }) })).outcomes;
      if (last?.ok === false) throw new PeerError(last.problem);
    };
    await withPasscode(use, { what: selector, source }).catch((error: unknown) => {
      if (last?.ok !== false) throw error;
    });
    if (last !== undefined) outcomes.push(last);
  }
  return outcomes;
}

/** The options of `put` that say where and who may remove it. @throws {PeerError} `usage`. */
export function putWish({
  to,
  copies,
  isOpen,
}: {
  readonly to: string | undefined;
  readonly copies: string | undefined;
  readonly isOpen: boolean;
}): Pick<PutInput, 'depots' | 'copies' | 'open'> {
  return {
    ...(to === undefined ? {} : { depots: namesIn(to) }),
    ...(copies === undefined ? {} : { copies: countIn(copies) }),
    ...(isOpen ? { open: true } : {}),
  };
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const MOST_COPIES = 16;

function namesIn(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.length <= MOST_COPIES && names.every((name) => NAME.test(name))) return names;
  throw new PeerError({ code: 'usage', message: '--to takes users that run depots, such as --to archive,backup.' });
}

function countIn(text: string): number {
  const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MOST_COPIES) return count;
  throw new PeerError({ code: 'usage', message: `--copies is a number from 1 to ${MOST_COPIES}.` });
}
