import { isAbsolute, join, resolve } from 'node:path';

/** Settings that cannot be used; the message names the setting, where it stands, and what would do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'bad-config';
}

/** What may stand in a setting. `duration` becomes ms, `bytes` a byte count, `path` an absolute path. */
export type SettingKind = 'text' | 'path' | 'port' | 'integer' | 'count' | 'duration' | 'bytes' | 'flag';

export type SettingValue<K extends SettingKind> = K extends 'text' | 'path'
  ? string
  : K extends 'flag'
    ? boolean
    : number;

/** Where relative paths start, and what `~/` means. */
export interface PathBase {
  readonly folder: string;
  readonly home: string;
}

const EXPECTED: Record<SettingKind, string> = {
  text: 'a text that is not empty',
  path: 'a path',
  port: 'a port from 0 to 65535',
  integer: 'a whole number from 0 on',
  count: 'a whole number from 1 on',
  duration: 'a time such as 500ms, 30s, 5m, 2h or 1d',
  bytes: 'a size such as 800K, 10M or 2G',
  flag: 'true or false',
};

const MS_PER_UNIT: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES_PER_UNIT: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/**
 * The value that `raw` (from a flag, the environment or JSON) stands for.
 * @throws {ConfigError} naming `origin` when it is not of the kind.
 */
export function parseSetting<K extends SettingKind>(
  kind: K,
  raw: unknown,
  { origin, base }: { readonly origin: string; readonly base: PathBase },
): SettingValue<K> {
  const value = typeof raw === 'boolean' ? parseBoolean(kind, raw) : parseText(kind, raw, base);
  if (value === undefined) {
    throw new ConfigError(`${origin} is ${JSON.stringify(raw)}, which is not ${EXPECTED[kind]}.`);
  }
  return value as SettingValue<K>;
}

function parseBoolean(kind: SettingKind, raw: boolean): boolean | undefined {
  return kind === 'flag' ? raw : undefined;
}

function parseText(kind: SettingKind, raw: unknown, base: PathBase): string | number | boolean | undefined {
  if (typeof raw !== 'string' && typeof raw !== 'number') return undefined;
  const text = String(raw);
  switch (kind) {
    case 'text':
      return text === '' ? undefined : text;
    case 'path':
      return text === '' || text.includes('\0') ? undefined : absolutePath(text, base);
    case 'port':
      return wholeNumber(text, 65_535);
    case 'integer':
      return wholeNumber(text, Number.MAX_SAFE_INTEGER);
    case 'count':
      return wholeNumber(text, Number.MAX_SAFE_INTEGER) || undefined;
    case 'duration':
      return withUnit(text, /^(\d+)(ms|s|m|h|d)$/, MS_PER_UNIT);
    case 'bytes':
      return withUnit(text, /^(\d+)([KMGT]?)$/, BYTES_PER_UNIT);
    case 'flag':
      return { true: true, 1: true, false: false, 0: false }[text];
  }
}

function absolutePath(text: string, { folder, home }: PathBase): string {
  if (text === '~' || text.startsWith('~/')) return join(home, text.slice(1));
  return isAbsolute(text) ? text : resolve(folder, text);
}

function wholeNumber(text: string, max: number): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

function withUnit(text: string, pattern: RegExp, units: Record<string, number>): number | undefined {
  const [, digits, unit] = pattern.exec(text) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  if (digits === undefined || factor === undefined) return undefined;
  const value = Number(digits) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}
