/** Downloads, uploads and hashing as single lines, narrowest parts dropped first where there is not room for all. */
import {
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatSize,
  fractionOf,
  progressBar,
} from '../../common/content/format.js';
import { cellWidth, safeDisplay } from '../../common/content/safe-display.js';
import type { HashingRow, StoringRow, TransferRow, TransferSource, UploadRow } from '../api.js';
import { problemTitle } from './problem.js';
import { type Row, span, type Tone } from './row.js';

const MAX_NAME_CELLS = 32;
const MIN_NAME_CELLS = 10;
const MIN_BAR_CELLS = 6;
const MAX_BAR_CELLS = 30;
const PERCENT_CELLS = 4;
const GAP = '  ';
const NO_SOURCE = 'waiting for a source';
const CHECKING = 'its source reads it again';

/** What stands behind the bar while bytes come: speed, time left, sources. Fixed, so that bars of all rows are of one length. */
const RATE_CELLS = '123.4 MiB/s'.length;
const ETA_CELLS = '12m 34s left'.length;
const SOURCES_CELLS = '2 sources'.length;
const DETAIL_CELLS = [
  RATE_CELLS,
  RATE_CELLS + GAP.length + ETA_CELLS,
  RATE_CELLS + ETA_CELLS + SOURCES_CELLS + 2 * GAP.length,
];

/** True while a download is not over; a paused one is not either. */
export function isUnderWay({ state }: TransferRow): boolean {
  return state !== 'done' && state !== 'failed' && state !== 'stopped';
}

/** What becomes of `count` downloads under way when the peer ends. */
export function keptText(count: number): string {
  return `${formatCount(count, 'download')} ${count === 1 ? 'goes' : 'go'} on at the next start, from where ${count === 1 ? 'it is' : 'they are'}`;
}

/** One download in `width` cells: name, bar, percent, then speed, time left and sources, or its state. `now` in ms since epoch. */
export function transferRow(transfer: TransferRow, width: number, now: number): Row {
  const done = transfer.state === 'done' ? transfer.sizeBytes : transfer.doneBytes;
  const { details, tone } = transferDetails(transfer, now);
  return progressRow({
    name: safeDisplay(transfer.name),
    fraction: fractionOf(done, transfer.sizeBytes),
    percent: formatPercent(done, transfer.sizeBytes),
    details,
    tone,
    width,
  });
}

/** One file being hashed for `pub`. */
export function hashingRow({ path, doneBytes, sizeBytes }: HashingRow, width: number): Row {
  return progressRow({
    name: safeDisplay(path.split(/[/\\]/).at(-1) ?? path),
    fraction: fractionOf(doneBytes, sizeBytes),
    percent: formatPercent(doneBytes, sizeBytes),
    details: [sizeBytes === 0 ? 'reading' : `reading ${formatSize(sizeBytes)}`],
    tone: 'accent',
    width,
  });
}

/** One file on its way to the depots. */
export function storingRow({ name, doneBytes, sizeBytes, waitsFor }: StoringRow, width: number): Row {
  return progressRow({
    name: safeDisplay(name),
    fraction: fractionOf(doneBytes, sizeBytes),
    percent: formatPercent(doneBytes, sizeBytes),
    details: waitsFor === undefined ? [`storing ${formatSize(sizeBytes)}`] : [`waits for ${depotsText(waitsFor)}`],
    tone: waitsFor === undefined ? 'accent' : 'warning',
    width,
  });
}

/** What a `put` that does not move waits for, and what to do; undefined while it moves. */
export function storingAdvice({ name, waitsFor }: StoringRow): string | undefined {
  if (waitsFor === undefined) return undefined;
  const what = `${safeDisplay(name)} waits for ${depotsText(waitsFor)}`;
  if (waitsFor.length === 0) return `${what}, which does not answer. It goes on by itself.`;
  return (
    `${what}: offline, or busy with others. It goes on by itself. To store it elsewhere, stop this and use put with --to USER, ` +
    'another depot; to give it up, use unp.'
  );
}

function depotsText(depots: readonly string[]): string {
  return depots.length === 0 ? 'the tracker' : depots.map((depot) => safeDisplay(depot)).join(' and ');
}

/** One file being sent. */
export function uploadText({ name, user, sentBytes, bytesPerSecond }: UploadRow): string {
  return `${safeDisplay(name)} to ${safeDisplay(user)}: ${formatSize(sentBytes)} sent, ${formatRate(bytesPerSecond)}`;
}

interface Details {
  /** Most important first: the last ones are dropped where there is no room. */
  readonly details: readonly string[];
  readonly tone: Tone;
}

function transferDetails(transfer: TransferRow, now: number): Details {
  switch (transfer.state) {
    case 'waiting':
      return { details: [...waitingTexts(transfer, now), ...priorityTexts(transfer)], tone: 'warning' };
    case 'checking':
      return { details: ['checking what is here'], tone: 'accent' };
    case 'fetching':
      return fetchingDetails(transfer);
    case 'finishing':
      return { details: ['finishing'], tone: 'accent' };
    case 'paused':
      return { details: ['paused', ...priorityTexts(transfer)], tone: 'faint' };
    case 'done':
      return { details: ['done', formatSize(transfer.sizeBytes)], tone: 'good' };
    case 'stopped':
      return { details: ['stopped'], tone: 'faint' };
    case 'failed':
      return { details: [transfer.problem === undefined ? 'failed' : problemTitle(transfer.problem)], tone: 'bad' };
  }
}

function fetchingDetails({ bytesPerSecond, etaMs, sources }: TransferRow): Details {
  const active = sources.filter(({ state }) => state === 'sending' || state === 'idle');
  if (active.length === 0) {
    const [first] = sources
      .filter(({ queuePosition }) => queuePosition !== undefined)
      .toSorted((a, b) => queueRank(a) - queueRank(b));
    if (first !== undefined) return { details: queueTexts(first), tone: 'warning' };
    return { details: [missingText(sources)], tone: 'warning' };
  }
  const eta = etaMs === undefined ? '' : `${formatDuration(etaMs)} left`;
  const rate = formatRate(bytesPerSecond).padStart(RATE_CELLS);
  return { details: [rate, eta.padStart(ETA_CELLS), activeText(active)], tone: 'accent' };
}

/** `2 sources`; `1 relayed` where nothing comes by a straight way: that is why it is slow. */
function activeText(active: readonly TransferSource[]): string {
  const isRelayed = active.every(({ via }) => via === 'relayed');
  return isRelayed ? `${active.length} relayed` : formatCount(active.length, 'source');
}

/** `place 3 in the queue`, `about 12s`. */
export function queueTexts({
  queuePosition,
  queueEtaMs,
}: Pick<TransferSource, 'queuePosition' | 'queueEtaMs'>): string[] {
  const place = `place ${queuePosition} in the queue`;
  return queueEtaMs === undefined ? [place] : [place, `about ${formatDuration(queueEtaMs)}`];
}

/** The source that comes first, as far as they say. */
function queueRank({ queuePosition = 0, queueEtaMs }: TransferSource): number {
  return queueEtaMs ?? queuePosition * 3_600_000;
}

function missingText(sources: readonly TransferSource[]): string {
  return sources.some(({ state }) => state === 'checking') ? CHECKING : NO_SOURCE;
}

function waitingTexts({ problem, retryAt, sources }: TransferRow, now: number): string[] {
  if (problem === undefined) return [missingText(sources)];
  const seconds = retryAt === undefined ? undefined : Math.max(0, Math.ceil((retryAt - now) / 1_000));
  return [problemTitle(problem), ...(seconds === undefined ? [] : [`again in ${formatDuration(seconds * 1_000)}`])];
}

function priorityTexts({ priority }: TransferRow): string[] {
  return priority === undefined ? [] : [`${priority} priority`];
}

interface Progress extends Details {
  readonly name: string;
  readonly fraction: number;
  readonly percent: string;
  readonly width: number;
}

function progressRow({ name, fraction, percent, details, tone, width }: Progress): Row {
  const room = Math.max(0, width - 1 - GAP.length);
  const nameCells = Math.max(Math.min(MIN_NAME_CELLS, room), Math.min(MAX_NAME_CELLS, Math.floor(room * 0.25)));
  const barRoom = (detailCells: number): number => room - nameCells - PERCENT_CELLS - detailCells - 3 * GAP.length;
  const detailCells = DETAIL_CELLS.findLast((cells) => barRoom(cells) >= MIN_BAR_CELLS);
  const bar =
    detailCells === undefined ? '' : GAP + progressBar(fraction, Math.min(MAX_BAR_CELLS, barRoom(detailCells)));
  const tail = keepFitting(details, detailCells ?? room - nameCells - PERCENT_CELLS - 2 * GAP.length);
  const shownName = safeDisplay(name, { maxCells: nameCells });
  return [
    span(`${GAP}${shownName}${' '.repeat(Math.max(0, nameCells - cellWidth(shownName)))}`, 'strong'),
    span(bar, tone),
    span(`${GAP}${percent.padStart(PERCENT_CELLS)}`),
    span(tail === '' ? '' : `${GAP}${tail}`, tone === 'accent' ? 'plain' : tone),
  ];
}

/** As many details as fit, the first in any case, cut. */
function keepFitting(details: readonly string[], cells: number): string {
  const [first = '', ...rest] = details;
  let kept = safeDisplay(first, { maxCells: Math.max(0, cells) });
  for (const detail of rest) {
    const longer = `${kept}${GAP}${detail}`;
    if (cellWidth(longer) > cells) break;
    kept = longer;
  }
  return kept;
}
