/**
 * Text that says things to people, before anybody decides where it is shown: spans with a tone instead of colours, so that the
 * terminal screen can paint what a script's standard output gets plain. Whatever comes from others is safe already when it gets here.
 */

/** What a piece of text means; the screen chooses the colour. */
export type Tone = 'plain' | 'strong' | 'faint' | 'accent' | 'good' | 'warning' | 'bad';

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

/** One line on a screen. */
export type Row = readonly Span[];

export function span(text: string, tone: Tone = 'plain'): Span {
  return { text, tone };
}

/** A row of one tone. */
export function row(text: string, tone: Tone = 'plain'): Row {
  return [{ text, tone }];
}

/** The row without its tones. */
export function rowText(spans: Row): string {
  return spans.map(({ text }) => text).join('');
}
