/** Rows of an administrator's lists, as text. */
import { safeDisplay } from '../content/safe-display.js';
import type { AdminRow } from '../protocol/admin-messages.js';

/** Columns that hold ms since epoch. */
const MOMENTS = new Set(['at', 'until', 'since', 'createdAt']);

/** For programs: a person reads in `detail` what it says. */
const NOT_SHOWN = 'proof';

/** A table for people: a line of column names, then a line a row. Others' text is made visible. */
export function adminTable(rows: readonly AdminRow[]): string {
  if (rows.length === 0) return 'None.';
  const columns = columnsOf(rows).filter((column) => column !== NOT_SHOWN);
  const lines = [columns, ...rows.map((row) => columns.map((column) => safeDisplay(shown(column, row[column]))))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** For a spreadsheet: names in the first line, every text quoted. A text that a spreadsheet would run gets an apostrophe. */
export function adminCsv(rows: readonly AdminRow[]): string {
  const columns = columnsOf(rows);
  const lines = rows.map((row) => columns.map((column) => quoted(cell(column, row[column]))).join(','));
  return [columns.join(','), ...lines].join('\r\n');
}

function quoted(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${harmless.replaceAll('"', '""')}"`;
}

function columnsOf(rows: readonly AdminRow[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** Of an id so much as on all screens: a line of a terminal has 80 columns. */
const ID_DIGITS = 16;

function shown(column: string, value: AdminRow[string] | undefined): string {
  const text = cell(column, value);
  return column === 'device' ? text.slice(0, ID_DIGITS) : text;
}

function cell(column: string, value: AdminRow[string] | undefined): string {
  if (value === undefined) return '';
  return MOMENTS.has(column) && typeof value === 'number' && value > 0 ? new Date(value).toISOString() : String(value);
}
