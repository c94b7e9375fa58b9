import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { ProgressEvent } from '../api.js';
import { type Coalesced, coalesce } from '../daemon/coalesce.js';
import { type Row, rowText } from '../wording/row.js';
import { hashingRow, storingRow, transferRow } from '../wording/transfers.js';

/** The terminal that the line stands on. */
export interface LineTerminal {
  write(text: string): unknown;
  readonly columns?: number;
}

/** The line is drawn anew at most this often. */
const REDRAW_MS = 100;
const DEFAULT_COLUMNS = 80;

/** One line of a terminal that shows how far the command is, redrawn in place; only for a terminal that knows escape codes. */
export class ProgressLine {
  readonly #redraw: Coalesced;
  #event: ProgressEvent | undefined;
  #isShown = false;

  constructor(
    private readonly terminal: LineTerminal,
    private readonly clock: Clock = systemClock,
  ) {
    this.#redraw = coalesce(() => this.#draw(), REDRAW_MS, clock);
  }

  show(event: ProgressEvent): void {
    this.#event = event;
    this.#redraw.poke();
  }

  /** Takes the line away so that text can be written; the next `show` brings it back. */
  clear(): void {
    this.#event = undefined;
    if (!this.#isShown) return;
    this.#isShown = false;
    this.terminal.write('\r\x1b[K');
  }

  #draw(): void {
    const event = this.#event;
    if (event === undefined) return;
    const cells = Math.max(1, (this.terminal.columns ?? DEFAULT_COLUMNS) - 1); // the last column would wrap the cursor
    const row = rowOf(event, cells, this.clock.now());
    this.#isShown = true;
    this.terminal.write(`\r${rowText(row).trimEnd()}\x1b[K`);
  }
}

function rowOf(event: ProgressEvent, cells: number, now: number): Row {
  switch (event.event) {
    case 'hashing':
      return hashingRow(event, cells);
    case 'storing':
      return storingRow(event, cells);
    case 'transfer':
      return transferRow(event.transfer, cells, now);
  }
}
