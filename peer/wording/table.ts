/**
 * Aligned columns. The first column gives way when there is not room for all; where even that is not enough, each item takes two
 * rows: its first column alone, the others under it.
 */
import { cellWidth, safeDisplay } from '../../common/content/safe-display.js';
import type { Listing } from './listing.js';
import { type Row, span, type Tone } from './row.js';

export interface Column<T> {
  readonly title: string;
  /** The text of this column; safe to show. */
  readonly cell: (item: T) => string;
  /** Where items take two rows and no title tells what this is. Default: `cell`. */
  readonly shortCell?: (item: T) => string;
  readonly tone?: Tone;
  /** Default: left. */
  readonly align?: 'left' | 'right';
  /** Most cells it takes. Default: no limit. */
  readonly maxCells?: number;
  /** Never cut: half an id is of no use. The last column only. */
  readonly isWhole?: boolean;
}

const INDENT = '  ';
const GAP = '  ';
/** Fewer cells than this for the first column, and each item takes two rows. */
const MIN_FIRST_CELLS = 14;

/** A table of `items` with a line of titles, in `width` cells. No items: no rows at all. */
export function table<T>(items: readonly T[], columns: readonly Column<T>[], width: number): Listing {
  if (items.length === 0) return { length: 0, at: () => [] };
  const widths = columns.map((column) => columnWidth(items, column));
  const othersWidth = widths.slice(1).reduce((sum, cells) => sum + cells + GAP.length, 0);
  const firstRoom = width - INDENT.length - othersWidth;
  const first = Math.min(widths[0] ?? 0, firstRoom);
  if (first < Math.min(widths[0] ?? 0, MIN_FIRST_CELLS)) return twoRows(items, columns, width);
  const fitted = [first, ...widths.slice(1)];
  const titles = columns.map(({ title }) => title);
  return {
    length: items.length + 1,
    at: (index) => {
      if (index === 0) return spans(titles, columns, { widths: fitted, isTitle: true });
      const item = items[index - 1];
      return item === undefined
        ? []
        : spans(
            columns.map(({ cell }) => cell(item)),
            columns,
            { widths: fitted },
          );
    },
  };
}

function columnWidth<T>(items: readonly T[], { title, cell, maxCells = Infinity }: Column<T>): number {
  let widest = cellWidth(title);
  for (const item of items) widest = Math.max(widest, cellWidth(cell(item)));
  return Math.min(widest, maxCells);
}

interface Fit {
  readonly widths: readonly number[];
  readonly isTitle?: boolean;
}

function spans<T>(texts: readonly string[], columns: readonly Column<T>[], { widths, isTitle = false }: Fit): Row {
  return columns.map(({ align, tone = 'plain' }, index) => {
    const room = Math.max(0, widths[index] ?? 0);
    const text = safeDisplay(texts[index] ?? '', { maxCells: room });
    const padding = ' '.repeat(Math.max(0, room - cellWidth(text)));
    const lead = index === 0 ? INDENT : GAP;
    return span(lead + (align === 'right' ? padding + text : text + padding), isTitle ? 'faint' : tone);
  });
}

function twoRows<T>(items: readonly T[], columns: readonly Column<T>[], width: number): Listing {
  const [head, ...rest] = columns;
  const room = Math.max(1, width - INDENT.length);
  return {
    length: head === undefined ? 0 : items.length * 2,
    at: (index) => {
      const item = items[Math.floor(index / 2)];
      if (item === undefined || head === undefined) return [];
      if (index % 2 === 0) {
        return [span(INDENT + safeDisplay(head.cell(item), { maxCells: room }), head.tone ?? 'plain')];
      }
      return [span(INDENT + detailsText(item, rest, room), 'faint')];
    },
  };
}

function detailsText<T>(item: T, columns: readonly Column<T>[], room: number): string {
  const last = columns.at(-1);
  const whole = last?.isWhole === true ? safeDisplay((last.shortCell ?? last.cell)(item), { maxCells: room }) : '';
  const others = whole === '' ? columns : columns.slice(0, -1);
  const details = others.map(({ cell, shortCell = cell, maxCells = Infinity }) =>
    safeDisplay(shortCell(item), { maxCells }),
  );
  const text = details.filter((detail) => detail !== '').join(' ');
  if (whole === '') return safeDisplay(text, { maxCells: room });
  return `${safeDisplay(text, { maxCells: Math.max(0, room - cellWidth(whole) - 1) })} ${whole}`.trimStart();
}
