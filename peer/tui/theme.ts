/** Tones as the terminal shows them. Sober: one colour a meaning, the terminal's own palette. */
import { createContext } from 'react';
import type { Tone } from '../wording/row.js';

export interface Paint {
  readonly color?: string;
  readonly dimColor?: boolean;
  readonly bold?: boolean;
}

export type Theme = Readonly<Record<Tone, Paint>>;

export const COLOURS: Theme = {
  plain: {},
  strong: { bold: true },
  faint: { dimColor: true },
  accent: { color: 'cyan' },
  good: { color: 'green' },
  warning: { color: 'yellow' },
  bad: { color: 'red' },
};

/** For `NO_COLOR`. */
export const NO_COLOURS: Theme = {
  plain: {},
  strong: { bold: true },
  faint: {},
  accent: {},
  good: {},
  warning: {},
  bad: { bold: true },
};

export const ThemeContext = createContext<Theme>(COLOURS);
