const PLAIN_KEYS = {
  enter: '\r',
  tab: '\t',
  'shift-tab': '\x1b[Z',
  escape: '\x1b',
  space: ' ',
  backspace: '\x7f',
  delete: '\x1b[3~',
  insert: '\x1b[2~',
  'page-up': '\x1b[5~',
  'page-down': '\x1b[6~',
} as const;

/** These follow the cursor-key mode that the program has chosen. */
const CURSOR_KEYS = { up: 'A', down: 'B', right: 'C', left: 'D', home: 'H', end: 'F' } as const;

type Letter =
  | 'a'
  | 'b'
  | 'c'
  | 'd'
  | 'e'
  | 'f'
  | 'g'
  | 'h'
  | 'i'
  | 'j'
  | 'k'
  | 'l'
  | 'm'
  | 'n'
  | 'o'
  | 'p'
  | 'q'
  | 'r'
  | 's'
  | 't'
  | 'u'
  | 'v'
  | 'w'
  | 'x'
  | 'y'
  | 'z';

export type Key = keyof typeof PLAIN_KEYS | keyof typeof CURSOR_KEYS | `ctrl-${Letter}`;

/** The bytes that a terminal sends for a key. */
export function keyBytes(key: Key, usesApplicationCursorKeys: boolean): string {
  if (Object.hasOwn(PLAIN_KEYS, key)) return PLAIN_KEYS[key as keyof typeof PLAIN_KEYS];
  if (Object.hasOwn(CURSOR_KEYS, key)) {
    return `\x1b${usesApplicationCursorKeys ? 'O' : '['}${CURSOR_KEYS[key as keyof typeof CURSOR_KEYS]}`;
  }
  return String.fromCharCode(key.charCodeAt('ctrl-'.length) & 0x1f);
}
