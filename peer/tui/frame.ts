import type { Row } from '../wording/row.js';

/** A whole screen: its lines, and where the terminal's cursor stands. */
export interface Frame {
  readonly rows: readonly Row[];
  /** From 0; absent: hidden. */
  readonly cursor?: { readonly x: number; readonly y: number };
}
