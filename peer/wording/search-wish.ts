/** What narrows a search, as people type it: `--type image --min-size 10M --since 3d`. Shared by the terminal and the command line. */
import { PeerError } from '../api.js';
import { SEARCH_ORDERS, type SearchFilters, type SearchOrder } from '../api-search.js';
import { endingsOf, KINDS } from './file-types.js';
import { userNamed } from './publications.js';

/** The values of the options, as typed; the keys are those of the flags. */
export interface SearchWords {
  readonly owner?: string | undefined;
  readonly id?: string | undefined;
  readonly minSize?: string | undefined;
  readonly maxSize?: string | undefined;
  readonly type?: string | undefined;
  readonly since?: string | undefined;
  readonly before?: string | undefined;
  readonly sort?: string | undefined;
}

/** Each option with what stands after it and what it does. */
export const SEARCH_OPTIONS: Readonly<Record<keyof SearchWords, readonly [value: string, does: string]>> = {
  owner: ['USER', 'only what this user publishes'],
  id: ['DIGITS', 'only this content: 16 or more digits of its id'],
  minSize: ['SIZE', 'at least so large, such as 800K, 10M or 1.5G'],
  maxSize: ['SIZE', 'at most so large'],
  type: ['TYPES', 'endings such as pdf,tar.gz, or audio, document, image, video, archive, file, folder'],
  since: ['WHEN', 'published since then: 2026-11-20, or 3d, 12h, 30m ago'],
  before: ['WHEN', 'published before that'],
  sort: ['ORDER', `${SEARCH_ORDERS.join(', ')} first`],
};

/** `minSize` is `--min-size`. */
export function searchFlag(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `now` in ms since epoch. @throws {PeerError} `usage` naming the option. */
export function searchWish(words: SearchWords, now: number): SearchFilters & { readonly sort?: SearchOrder } {
  const { owner, id, minSize, maxSize, type, since, before, sort } = words;
  return {
    ...(owner === undefined ? {} : { owner: userNamed(owner) }),
    ...(id === undefined ? {} : { idPrefix: idOf(id) }),
    ...(minSize === undefined ? {} : { minSize: sizeOf('minSize', minSize) }),
    ...(maxSize === undefined ? {} : { maxSize: sizeOf('maxSize', maxSize) }),
    ...(type === undefined ? {} : typesOf(type)),
    ...(since === undefined ? {} : { publishedAfter: timeOf('since', since, now) }),
    ...(before === undefined ? {} : { publishedBefore: timeOf('before', before, now) }),
    ...(sort === undefined ? {} : { sort: orderOf(sort) }),
  };
}

function wrong(key: keyof SearchWords, text: string, expected: string): PeerError {
  return new PeerError({
    code: 'usage',
    message: `${searchFlag(key)} is ${JSON.stringify(text)}, which is not ${expected}.`,
  });
}

function idOf(text: string): string {
  const digits = text.replace(/^id:/, '').toLowerCase();
  if (/^[0-9a-f]{16,64}$/.test(digits)) return digits;
  throw wrong('id', text, '16 to 64 hex digits');
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

function sizeOf(key: 'minSize' | 'maxSize', text: string): number {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(digits) * (BYTES_PER_UNIT[unit.toUpperCase()] ?? Number.NaN));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw wrong(key, text, 'a size such as 800K, 10M or 1.5G');
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** A day begins at midnight here. */
function timeOf(key: 'since' | 'before', text: string, now: number): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const [, year, month, day, hours = '0', minutes = '0'] =
    /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?$/.exec(text) ?? [];
  if (count !== undefined) return Math.max(0, now - Number(count) * (MS_PER_UNIT[unit] ?? 0));
  const date = new Date(Number(year), Number(month) - 1, Number(day), Number(hours), Number(minutes));
  // What does not exist, such as 30 February, would come out as another day.
  const isReal = date.getMonth() === Number(month) - 1 && date.getDate() === Number(day);
  if (isReal && date.getTime() >= 0) return date.getTime();
  throw wrong(key, text, 'a day such as 2026-11-20, or a time ago such as 3d, 12h or 30m');
}

function typesOf(text: string): Pick<SearchFilters, 'endings' | 'kind'> {
  const words = text.split(',').map((word) => word.trim().toLowerCase());
  const kind = KINDS.find((known) => words.includes(known));
  if (kind !== undefined && words.length === 1) return { kind };
  const endings = [...new Set(words.flatMap(endingsOf))];
  if (kind === undefined && endings.every((ending) => /^[^\s/\\]{1,16}$/.test(ending))) return { endings };
  throw wrong('type', text, 'a list such as pdf,tar.gz or image,video, nor file or folder alone');
}

function orderOf(text: string): SearchOrder {
  const found = SEARCH_ORDERS.find((order) => order === text);
  if (found !== undefined) return found;
  throw wrong('sort', text, SEARCH_ORDERS.join(', ').replace(/, (\w+)$/, ' or $1'));
}
