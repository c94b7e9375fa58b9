/**
 * Results as rows made on demand: a screen asks only for the rows in its window, so 10,000 of them cost no more than the 15 that
 * are seen. Rows are laid out for a width, so a `Layout` is kept and asked again after a resize.
 */
import { cellWidth } from '../../common/content/safe-display.js';
import { type Row, row, rowText, type Tone } from './row.js';

export interface Listing {
  readonly length: number;
  /** The row at `index`, from 0; an empty row beyond the end. */
  at(index: number): Row;
}

/** Lays something out for so many cells. */
export type Layout = (width: number) => Listing;

export function listingOf(rows: readonly Row[]): Listing {
  return { length: rows.length, at: (index) => rows[index] ?? [] };
}

/** Several listings, one under the other. */
export function stacked(parts: readonly Listing[]): Listing {
  const at = (index: number): Row => {
    let rest = index;
    for (const part of parts) {
      if (rest < part.length) return part.at(rest);
      rest -= part.length;
    }
    return [];
  };
  return { length: parts.reduce((sum, part) => sum + part.length, 0), at };
}

/** Layouts, one under the other. */
export function stackedLayouts(parts: readonly Layout[]): Layout {
  return (width) => stacked(parts.map((part) => part(width)));
}

/** A paragraph in one tone, wrapped at spaces where it is wider than the screen. */
export function paragraph(text: string, tone: Tone = 'plain'): Layout {
  return (width) => listingOf(wrapWords(text, width).map((line) => row(line, tone)));
}

/** Each text a paragraph of its own. */
export function paragraphs(texts: readonly string[], tone: Tone = 'plain'): Layout {
  return stackedLayouts(texts.map((text) => paragraph(text, tone)));
}

/** All of it as plain text, each row ended by a newline. */
export function listingText(listing: Listing): string {
  let text = '';
  for (let index = 0; index < listing.length; index += 1) text += `${rowText(listing.at(index)).trimEnd()}\n`;
  return text;
}

/**
 * `text` in lines of at most `width` cells, broken at spaces, or inside a word that is wider than a line. Following lines keep the
 * indent of the first.
 */
export function wrapWords(text: string, width: number): string[] {
  const room = Math.max(1, Math.floor(width));
  if (cellWidth(text) <= room) return [text];
  const indent = (/^ */.exec(text)?.[0] ?? '').slice(0, Math.floor(room / 2));
  const lines: string[] = [];
  let line = indent;
  for (const word of text.trimStart().split(' ')) {
    const joined = line === indent ? line + word : `${line} ${word}`;
    if (cellWidth(joined) <= room) {
      line = joined;
      continue;
    }
    if (line !== indent) lines.push(line);
    const pieces = cutToCells(word, room - indent.length);
    lines.push(...pieces.slice(0, -1).map((piece) => indent + piece));
    line = indent + (pieces.at(-1) ?? '');
  }
  return [...lines, line];
}

function cutToCells(word: string, room: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let cells = 0;
  for (const char of word) {
    const charCells = cellWidth(char);
    if (piece !== '' && cells + charCells > room) {
      pieces.push(piece);
      [piece, cells] = ['', 0];
    }
    piece += char;
    cells += charCells;
  }
  return [...pieces, piece];
}
