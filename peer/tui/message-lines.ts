/** Messages above the command line, wrapped: what a person must read is never cut where there is room for it. Pure. */
import { wrapWords } from '../wording/listing.js';
import { type Row, span, type Tone } from '../wording/row.js';
import type { Message } from './main-state.js';

/** Older ones are no longer seen. */
const MAX_MESSAGES = 3;

const LEVEL_TONES: Readonly<Record<Message['level'], Tone>> = {
  info: 'plain',
  good: 'good',
  warning: 'warning',
  error: 'bad',
};

/** Rows of the latest messages in `width` cells, the latest last; at most `height`: the beginning of the latest, and what else fits. */
export function messageLines(messages: readonly Message[], width: number, height: number): readonly Row[] {
  let lines: readonly Row[] = [];
  for (const message of messages.slice(-MAX_MESSAGES).reverse()) {
    const earlier = linesOf(message, width);
    if (lines.length > 0 && lines.length + earlier.length > height) break;
    lines = [...earlier, ...lines];
  }
  return lines.slice(0, height);
}

function linesOf({ at, level, text }: Message, width: number): Row[] {
  const time = ` ${clockTime(at)} `;
  return wrapWords(text, width - time.length - 1).map((line, index) => [
    span(index === 0 ? time : ' '.repeat(time.length), 'faint'),
    span(line, LEVEL_TONES[level]),
  ]);
}

function clockTime(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':');
}
