/** The lines of the main screen, as rows: what stands where, in how many cells. Pure. */
import { formatCount, formatRate } from '../../common/content/format.js';
import { cellWidth, safeDisplay } from '../../common/content/safe-display.js';
import { type Row, row, span } from '../wording/row.js';
import { connectionText } from '../wording/status.js';
import { hashingRow, storingRow, transferRow } from '../wording/transfers.js';
import { clampScroll, countActivities, type Geometry, MARGIN_CELLS, shownDownloads } from './geometry.js';
import { type InputRow, inputRow } from './input-row.js';
import type { MainState } from './main-state.js';
import { messageLines } from './message-lines.js';

/** Below these widths the name of the program and the rates make room for what matters more. */
const TITLE_FROM = 72;
const RATES_FROM = 58;
const MARGIN = span(' '.repeat(MARGIN_CELLS));

/** `Shoal  alice @ host:port            ↓ 1.2 MiB/s  ↑ 0 B/s  ● online` */
export function headerRow({ peer, now }: MainState, width: number): Row {
  const { text, tone } = connectionText(peer.connection, now, { isShort: true });
  const [down, up] = [formatRate(peer.receivedBytesPerSecond), formatRate(peer.sentBytesPerSecond)];
  const rates = width < RATES_FROM ? '' : `↓ ${down.padStart(9)}  ↑ ${up.padStart(9)}  `;
  const state = `● ${safeDisplay(text, { maxCells: Math.max(1, Math.floor(width * 0.6)) })}`;
  const title = width < TITLE_FROM ? ' ' : ' Shoal  ';
  const room = width - cellWidth(title) - cellWidth(rates) - cellWidth(state) - 2;
  const who = safeDisplay(`${peer.user} @ ${peer.tracker.address}`, { maxCells: Math.max(0, room) });
  const gap = ' '.repeat(Math.max(1, room - cellWidth(who) + 1));
  return [span(title, 'strong'), span(who), span(gap), span(rates, 'faint'), span(state, tone)];
}

/** `── Transfers ─────────── 3 more ──` */
export function ruleRow(width: number, left = '', right = ''): Row {
  const end = right === '' ? '' : ` ${right} ──`;
  const start = left === '' ? '' : `── ${safeDisplay(left, { maxCells: Math.max(0, width - cellWidth(end) - 6) })} `;
  return row(`${start}${'─'.repeat(Math.max(0, width - cellWidth(start) - cellWidth(end)))}${end}`, 'faint');
}

export function activityRows(state: MainState, { activityRows: height, width }: Geometry): readonly Row[] {
  const hashing = state.peer.hashing.map((file) => hashingRow(file, width));
  const storing = state.peer.storing.map((file) => storingRow(file, width));
  const downloads = shownDownloads(state).map((transfer) => transferRow(transfer, width, state.now));
  return [...hashing, ...storing, ...downloads].slice(0, height);
}

export function activityRule(state: MainState, { activityRows: height, width }: Geometry): Row {
  const hidden = countActivities(state) - height;
  return ruleRow(width, 'Transfers', hidden > 0 ? `${hidden} more, see status` : '');
}

/** The rows of the result that the window shows. */
export function resultRows(
  { result, scroll }: MainState,
  { resultRows: height, resultWidth }: Geometry,
): readonly Row[] {
  const listing = result.layout(resultWidth);
  const first = clampScroll(scroll, listing.length, height);
  return Array.from({ length: Math.min(height, listing.length) }, (_, index) => [MARGIN, ...listing.at(first + index)]);
}

export function resultRule({ result, scroll }: MainState, { resultRows: height, resultWidth, width }: Geometry): Row {
  const { length } = result.layout(resultWidth);
  const first = clampScroll(scroll, length, height);
  return ruleRow(
    width,
    result.title,
    length > height ? `${first + 1}–${Math.min(length, first + height)} of ${formatCount(length, 'line')}` : '',
  );
}

export function messageRows({ messages }: MainState, { messageRows: height, width }: Geometry): readonly Row[] {
  return messageLines(messages, width, height);
}

/** What is being typed: a command, or the answer to a question, which nobody is to read. */
export function commandLine({ editor, asking }: MainState, width: number): InputRow {
  if (asking === undefined) return inputRow(editor, { prompt: '> ', width });
  const prompt = safeDisplay(asking.question, { maxCells: Math.max(1, Math.floor(width / 2)) });
  return inputRow(asking.editor, { prompt: `${prompt.trimEnd()} `, width, mask: '•' });
}

/** What may be typed next, what Tab found, or what runs. */
export function hintRow({ choices, running, asking }: MainState, width: number): Row {
  const room = Math.max(0, width - 1);
  if (asking !== undefined) return row(safeDisplay(' Enter goes on · Esc stops', { maxCells: room }), 'faint');
  if (choices.length > 0) {
    return row(
      ` ${safeDisplay(choices.map((choice) => safeDisplay(choice)).join('  '), { maxCells: room })}`,
      'accent',
    );
  }
  if (running !== undefined)
    return row(
      ` ${safeDisplay(`Running: ${running}`, { maxCells: Math.max(0, room - 16) })}  (Ctrl-C stops)`,
      'warning',
    );
  const hint = ['h help', 'Tab completes', '↑↓ history', 'PgUp PgDn scroll', 'xit leaves'].reduce((line, part) => {
    return cellWidth(line) + cellWidth(part) + 3 <= room ? `${line}${line === '' ? '' : ' · '}${part}` : line;
  }, '');
  return row(` ${hint}`, 'faint');
}
