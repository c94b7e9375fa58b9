/** What a command did, in plain words: `pub`, `unp`, `get`, `cancel`, `pause` and the like. */
import { formatCount, formatSize } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import type {
  CommandResult,
  DelOutcome,
  GetResult,
  PublishOutcome,
  PutOutcome,
  RightsOutcome,
  TransferRow,
  UnpublishOutcome,
} from '../api.js';
import type { TransferWord } from './choose-transfer.js';
import { problemText } from './problem.js';
import { rightsText } from './rights.js';
import { type Row, row, span } from './row.js';
import { shortId } from './selector.js';
import { changedTermsText } from './terms.js';

/** `file.bin published successfully`, or what is wrong with this path. */
export function publishOutcome(outcome: PublishOutcome): Row {
  if (!outcome.ok) return failedRow(outcome.path, problemText(outcome.problem));
  const { name, sizeBytes, files, fileId, revision, rights } = outcome.publication;
  const whom = rights === 'public' ? '' : `  for ${rightsText(rights)}`;
  const how = changedTermsText(outcome.publication).map((text, index) => `${index === 0 ? '  ' : ', '}${text}`);
  const inside = files === undefined ? '' : `${formatCount(files, 'file')}  `;
  const details = span(`  ${inside}${formatSize(sizeBytes)}  ${shortId(fileId)}${whom}${how.join('')}`, 'faint');
  const left = skippedSpans(outcome);
  if (outcome.change === 'unchanged')
    return [span(`${safeDisplay(name)} is published already, unchanged`), details, ...left];
  const suffix = outcome.change === 'replaced' ? ` as revision ${revision}, in place of the one before` : '';
  return [span(`${safeDisplay(name)} published successfully${suffix}`, 'good'), details, ...left];
}

/** Two reasons say what to look at; a list would push everything else off the screen. */
const SHOWN_REASONS = 2;

/** What a folder has that nobody gets, where there is such. */
export function skippedSpans({
  skipped = [],
  skippedCount = 0,
}: Pick<PublishOutcome & { ok: true }, 'skipped' | 'skippedCount'>): Row {
  if (skippedCount === 0) return [];
  const reasons = skipped
    .slice(0, SHOWN_REASONS)
    .map(({ path, reason }) => `${safeDisplay(path)} (${safeDisplay(reason)})`);
  const others = skippedCount - reasons.length;
  const more = others > 0 ? ` and ${formatCount(others, 'other')}` : '';
  return [span(`  Left out: ${reasons.join(', ')}${more}`, 'warning')];
}

/** `2 files published, 4 files published already, 1 file failed`: what came of many, `verb` being what was asked for. */
export function outcomesSummary(
  outcomes: readonly (PublishOutcome | UnpublishOutcome | RightsOutcome | PutOutcome | DelOutcome)[],
  verb: string,
): string {
  const failed = outcomes.filter(({ ok }) => !ok).length;
  const unchanged = outcomes.filter((outcome) => 'change' in outcome && outcome.change === 'unchanged').length;
  const done = outcomes.length - failed - unchanged;
  const parts = [
    ...(done > 0 || unchanged === 0 ? [`${formatCount(done, 'file')} ${verb}`] : []),
    ...(unchanged > 0 ? [`${formatCount(unchanged, 'file')} ${verb} already`] : []),
    ...(failed > 0 ? [`${formatCount(failed, 'file')} failed`] : []),
  ];
  return parts.join(', ');
}

/** `file.bin unpublished successfully`, or why not. */
export function unpublishOutcome(outcome: UnpublishOutcome): Row {
  if (!outcome.ok) return failedRow(outcome.selector, problemText(outcome.problem));
  return row(`${safeDisplay(outcome.publication.name)} unpublished successfully`, 'good');
}

/** `file.bin is now for bob, @team, has a passcode`, or why not. */
export function rightsOutcome(outcome: RightsOutcome): Row {
  if (!outcome.ok) return failedRow(outcome.selector, problemText(outcome.problem));
  const { name, rights, terms } = outcome;
  const whom = rights === 'public' ? 'public' : `for ${rightsText(rights ?? 'limited')}`;
  const parts = [...(rights === undefined ? [] : [`is now ${whom}`]), ...changedTermsText(terms ?? {})];
  return row(`${safeDisplay(name)} ${parts.join(', ')}`, 'good');
}

/** `a.pdf is now called b.pdf`. */
export function renameOutcome({ from, name }: CommandResult<'rename'>): string {
  return `${safeDisplay(from)} is now called ${safeDisplay(name)}`;
}

/** `file.bin downloaded successfully`. */
export function getOutcome({ transfer }: Pick<GetResult, 'transfer'>): string {
  return `${safeDisplay(transfer.name)} downloaded successfully`;
}

/** Where the file is now: `12.0 MiB from alice, bob (4.0 MiB were here already), saved as /home/…/file.bin`. */
export function getDetails({ path, transfer }: GetResult): string {
  const senders = transfer.sources
    .filter(({ verifiedBytes }) => verifiedBytes > 0)
    .map(({ user }) => safeDisplay(user));
  const from = senders.length === 0 ? '' : ` from ${[...new Set(senders)].join(', ')}`;
  const inside = transfer.files === undefined ? '' : `${formatCount(transfer.files.total, 'file')}, `;
  const here = transfer.resumedBytes === 0 ? '' : ` (${formatSize(transfer.resumedBytes)} were here already)`;
  return `${inside}${formatSize(transfer.sizeBytes)}${from}${here}, saved as ${safeDisplay(path)}`;
}

/** `3 files here that alice has not, or not any more: a.txt, b.txt and 1 other. They stay as they are.` Undefined where there are none. */
export function unlistedText({ transfer: { unlisted, owner } }: Pick<GetResult, 'transfer'>): string | undefined {
  if (unlisted === undefined) return undefined;
  const { count, paths } = unlisted;
  const others = count - paths.length;
  const more = others > 0 ? ` and ${formatCount(others, 'other')}` : '';
  const what = count === 1 ? 'It stays as it is' : 'They stay as they are';
  return `${formatCount(count, 'file')} here that ${safeDisplay(owner)} has not, or not any more: ${paths.map((path) => safeDisplay(path)).join(', ')}${more}. ${what}.`;
}

/** The outcome of a word about one download. */
export function transferOutcome(word: keyof typeof TRANSFER_OUTCOMES, transfer: TransferRow): string {
  return `${safeDisplay(transfer.name)} ${TRANSFER_OUTCOMES[word](transfer)}`;
}

const TRANSFER_OUTCOMES: Readonly<Record<Exclude<TransferWord, 'limit'>, (transfer: TransferRow) => string>> = {
  cancel: () => 'stopped; what was fetched stays for the next get',
  pause: () => 'paused; resume goes on with it',
  resume: () => 'goes on',
  retry: () => 'is tried again',
  priority: ({ priority = 'normal' }) => `has ${priority} priority now`,
};

function failedRow(what: string, problem: string): Row {
  return [span(`${safeDisplay(what)}: `), span(problem, 'bad')];
}
