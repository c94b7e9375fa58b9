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
import type { HashingRow, TransferRow, UploadRow } from '../api.js';
import { problemTitle } from './problem.js';
import { type Row, span, type Tone } from './row.js';

const NAME_CELLS = 24;
const MIN_NAME_CELLS = 8;
const MIN_BAR_CELLS = 8;
const MAX_BAR_CELLS = 26;
const PERCENT_CELLS = 4;

/** True while a download is not over. */
export function isUnderWay({ state }: TransferRow): boolean {
  return state !== 'done' && state !== 'failed' && state !== 'stopped';
}

/** One download in `width` cells: name, bar, percent, then speed, time left and sources, or its state. */
export function transferRow(transfer: TransferRow, width: number): Row {
  const done = transfer.state === 'done' ? transfer.sizeBytes : transfer.doneBytes;
  const { details, tone } = transferDetails(transfer);
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
    details: [`reading ${formatSize(sizeBytes)}`],
    tone: 'accent',
    width,
  });
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

function transferDetails(transfer: TransferRow): Details {
  switch (transfer.state) {
    case 'waiting':
      return { details: [waitingText(transfer)], tone: 'warning' };
    case 'checking':
      return { details: ['checking what is here'], tone: 'accent' };
    case 'fetching':
      return fetchingDetails(transfer);
    case 'finishing':
      return { details: ['finishing'], tone: 'accent' };
    case 'done':
      return { details: ['done', formatSize(transfer.sizeBytes)], tone: 'good' };
    case 'stopped':
      return { details: ['stopped'], tone: 'faint' };
    case 'failed':
      return { details: [transfer.problem === undefined ? 'failed' : problemTitle(transfer.problem)], tone: 'bad' };
  }
}

function fetchingDetails({ bytesPerSecond, etaMs, sources }: TransferRow): Details {
  const active = sources.filter(({ state }) => state === 'sending' || state === 'idle').length;
  if (active === 0) {
    const positions = sources.flatMap(({ queuePosition }) => (queuePosition === undefined ? [] : [queuePosition]));
    if (positions.length > 0) return { details: [`place ${Math.min(...positions)} in the queue`], tone: 'warning' };
  }
  const eta = etaMs === undefined ? '' : `${formatDuration(etaMs)} left`;
  const rate = formatRate(bytesPerSecond).padStart(RATE_CELLS);
  return { details: [rate, eta.padStart(ETA_CELLS), formatCount(active, 'source')], tone: 'accent' };
}

/** `1023.9 MiB/s` at the widest that is usual. */
const RATE_CELLS = 10;
const ETA_CELLS = 12;

function waitingText({ problem }: TransferRow): string {
  return problem === undefined ? 'waiting for a source' : `waiting: ${problemTitle(problem)}`;
}

interface Progress extends Details {
  readonly name: string;
  readonly fraction: number;
  readonly percent: string;
  readonly width: number;
}

function progressRow({ name, fraction, percent, details, tone, width }: Progress): Row {
  const room = Math.max(0, width - 2);
  const nameCells = Math.max(Math.min(MIN_NAME_CELLS, room), Math.min(NAME_CELLS, Math.floor(room * 0.3)));
  const fixedCells = nameCells + 2 + PERCENT_CELLS;
  const kept = keepFitting(details, room - fixedCells - 2 - MIN_BAR_CELLS);
  const tail = kept === '' ? '' : `  ${kept}`;
  const barCells = Math.min(MAX_BAR_CELLS, room - fixedCells - 2 - cellWidth(tail));
  const bar = barCells < MIN_BAR_CELLS ? '' : `  ${progressBar(fraction, barCells)}`;
  const shownName = safeDisplay(name, { maxCells: nameCells });
  return [
    span(`  ${shownName}${' '.repeat(Math.max(0, nameCells - cellWidth(shownName)))}`, 'strong'),
    span(bar, tone),
    span(`  ${percent.padStart(PERCENT_CELLS)}`),
    span(tail, tone === 'accent' ? 'plain' : tone),
  ];
}

function keepFitting(details: readonly string[], room: number): string {
  const [first = '', ...rest] = details;
  let kept = cellWidth(first) <= room ? first : safeDisplay(first, { maxCells: Math.max(0, room) });
  for (const detail of rest) {
    const longer = `${kept}  ${detail}`;
    if (cellWidth(longer) > room) break;
    kept = longer;
  }
  return kept;
}
