/** What the terminal sends, as the keys of this program. Several keys may come in one piece when somebody types ahead or pastes. */
import type { EditorKey } from './editor.js';

export type KeyStroke =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'edit'; readonly key: EditorKey }
  | {
      readonly kind:
        | 'enter'
        | 'tab'
        | 'back-tab'
        | 'up'
        | 'down'
        | 'page-up'
        | 'page-down'
        | 'escape'
        | 'interrupt'
        | 'end-of-input';
    };

/** The part of Ink's `Key` that is read here. */
export interface InkKey {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageDown: boolean;
  readonly pageUp: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly tab: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly meta: boolean;
}

const CTRL: Readonly<Record<string, KeyStroke>> = {
  a: { kind: 'edit', key: 'home' },
  b: { kind: 'edit', key: 'left' },
  c: { kind: 'interrupt' },
  d: { kind: 'end-of-input' },
  e: { kind: 'edit', key: 'end' },
  f: { kind: 'edit', key: 'right' },
  h: { kind: 'edit', key: 'backspace' },
  j: { kind: 'enter' },
  k: { kind: 'edit', key: 'delete-to-end' },
  m: { kind: 'enter' },
  n: { kind: 'down' },
  p: { kind: 'up' },
  u: { kind: 'edit', key: 'delete-to-start' },
  w: { kind: 'edit', key: 'delete-word' },
};

/** The keys in one event of Ink, in order; keys without a meaning here are dropped. */
export function keyStrokes(input: string, key: InkKey): KeyStroke[] {
  const special = specialKey(key);
  if (special !== undefined) return [special];
  if (key.ctrl) {
    const stroke = CTRL[input];
    return stroke === undefined ? [] : [stroke];
  }
  if (key.meta) return metaKey(input);
  return typedStrokes(input);
}

function specialKey(key: InkKey): KeyStroke | undefined {
  if (key.return) return { kind: 'enter' };
  if (key.tab) return { kind: key.shift ? 'back-tab' : 'tab' };
  if (key.upArrow) return { kind: 'up' };
  if (key.downArrow) return { kind: 'down' };
  if (key.pageUp) return { kind: 'page-up' };
  if (key.pageDown) return { kind: 'page-down' };
  if (key.home) return { kind: 'edit', key: 'home' };
  if (key.end) return { kind: 'edit', key: 'end' };
  if (key.backspace) return { kind: 'edit', key: key.meta ? 'delete-word' : 'backspace' };
  if (key.delete) return { kind: 'edit', key: 'delete' };
  if (key.escape) return { kind: 'escape' };
  if (key.ctrl || key.meta) {
    if (key.leftArrow) return { kind: 'edit', key: 'word-left' };
    if (key.rightArrow) return { kind: 'edit', key: 'word-right' };
  }
  if (key.leftArrow) return { kind: 'edit', key: 'left' };
  if (key.rightArrow) return { kind: 'edit', key: 'right' };
  return undefined;
}

function metaKey(input: string): KeyStroke[] {
  if (input === 'b') return [{ kind: 'edit', key: 'word-left' }];
  if (input === 'f') return [{ kind: 'edit', key: 'word-right' }];
  return [];
}

/** Characters that arrive together with the Enter, Tab or control keys between them. */
function typedStrokes(input: string): KeyStroke[] {
  const strokes: KeyStroke[] = [];
  for (const [piece] of input.matchAll(/\r\n|\p{Cc}|\P{Cc}+/gu)) {
    const stroke = /^\P{Cc}/u.test(piece) ? { kind: 'text' as const, text: piece } : controlStroke(piece);
    if (stroke !== undefined) strokes.push(stroke);
  }
  return strokes;
}

function controlStroke(piece: string): KeyStroke | undefined {
  if (piece === '\t') return { kind: 'tab' };
  if (piece === '\x7f') return { kind: 'edit', key: 'backspace' };
  return CTRL[String.fromCharCode((piece.codePointAt(0) ?? 0) | 0x60)];
}
