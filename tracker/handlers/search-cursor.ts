/** What the cursor of a search says: the key of the last row, as short as it must be. It is good for the order it was made in alone. */
import { ProtocolError } from '../../common/protocol/errors.js';
import type { SearchOrder } from '../../common/protocol/search-fields.js';
import type { SearchKey } from '../store/store.js';

/** UTF-8 bytes of a name: with them a sealed cursor is not longer than 128 characters. The store finds the rest. */
const NAME_BYTES = 44;
const KEY = /^([nopls])\.([A-Za-z0-9_-]{21})\.(.+)$/s;
const LETTERS: Readonly<Record<SearchOrder, string>> = {
  newest: 'n',
  oldest: 'o',
  name: 'p',
  largest: 'l',
  smallest: 's',
};

export function encodeSearchKey({ value, publicationId }: SearchKey, order: SearchOrder): string {
  const shown = typeof value === 'number' ? String(value) : beginningOf(value);
  return `${LETTERS[order]}.${publicationId}.${shown}`;
}

/** @throws {ProtocolError} `bad-message` for one of another order. */
export function decodeSearchKey(text: string | undefined, order: SearchOrder): SearchKey | undefined {
  if (text === undefined) return undefined;
  const [, letter, publicationId, value = ''] = KEY.exec(text) ?? [];
  const isNumber = /^\d{1,16}$/.test(value);
  if (publicationId === undefined || letter !== LETTERS[order] || (order !== 'name' && !isNumber))
    throw new ProtocolError('bad-message', 'The cursor is not one of this list.');
  return { value: order === 'name' ? value : Number(value), publicationId };
}

/** Whole characters, as many as fit. */
function beginningOf(name: string): string {
  let beginning = '';
  for (const char of name) {
    if (Buffer.byteLength(beginning + char) > NAME_BYTES) break;
    beginning += char;
  }
  return beginning;
}
