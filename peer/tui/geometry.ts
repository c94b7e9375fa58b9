/** How the rows of the main screen are shared out. Pure, so that scrolling and drawing agree. */
import type { TransferRow } from '../api.js';
import { isUnderWay } from '../wording/transfers.js';
import type { MainState, ScreenSize } from './main-state.js';
import { messageLines } from './message-lines.js';

export interface Geometry {
  readonly width: number;
  /** Cells for results: a margin on both sides. */
  readonly resultWidth: number;
  /** Of the whole frame: one row fewer than the terminal has, or the screen would scroll. */
  readonly height: number;
  readonly headerRows: number;
  /** Downloads and files being hashed, without their rule. */
  readonly activityRows: number;
  /** The rule above the activities and the rule above the result: 0 or 1 each. */
  readonly activityRuleRows: number;
  readonly resultRuleRows: number;
  readonly resultRows: number;
  readonly messageRows: number;
  readonly promptRuleRows: number;
  readonly hintRows: number;
}

export const MARGIN_CELLS = 1;

export function frameHeight({ rows }: ScreenSize): number {
  return Math.max(1, rows - 1);
}

/** Ended transfers stay until the next command was entered; those under way come first. */
export function shownDownloads({ peer, seen }: Pick<MainState, 'peer' | 'seen'>): readonly TransferRow[] {
  const shown = peer.downloads.filter((transfer) => isUnderWay(transfer) || !seen.has(transfer.transferId));
  return shown.toSorted((a, b) => Number(isUnderWay(b)) - Number(isUnderWay(a)));
}

/** What has a bar. */
export function countActivities(state: MainState): number {
  return state.peer.hashing.length + state.peer.storing.length + shownDownloads(state).length;
}

/** Where there is not room for everything, the parts go in the order of what a person misses least. */
export function mainGeometry(state: MainState, size: ScreenSize): Geometry {
  const height = frameHeight(size);
  const width = Math.max(1, size.columns);
  const activities = countActivities(state);
  let left = height - 1; // the command line
  const take = (wanted: number, needed: number): number => {
    const rows = left >= needed ? Math.min(wanted, left) : 0;
    left -= rows;
    return rows;
  };
  const headerRows = take(1, 3);
  const hintRows = take(1, 7);
  const resultRuleRows = take(1, 6);
  const promptRuleRows = take(1, 8);
  const messageRoom = Math.max(1, Math.floor(left / 3));
  const messageRows = take(messageLines(state.messages, width, messageRoom).length, 4);
  const activityRuleRows = activities === 0 ? 0 : take(1, 6);
  const activityRows = activities === 0 ? 0 : take(Math.min(activities, Math.max(1, Math.floor(left * 0.4))), 3);
  return {
    width,
    resultWidth: Math.max(1, width - 2 * MARGIN_CELLS),
    height,
    headerRows,
    activityRows,
    activityRuleRows,
    resultRuleRows,
    messageRows,
    promptRuleRows,
    hintRows,
    resultRows: left,
  };
}

/** The scroll position that shows rows, nearest to `scroll`. */
export function clampScroll(scroll: number, length: number, rows: number): number {
  return Math.max(0, Math.min(scroll, length - rows));
}
