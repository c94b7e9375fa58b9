import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Command-line options, each with a text as default. @throws {TypeError} on an unknown one. */
export function optionsOf<T extends Readonly<Record<string, string>>>(
  defaults: T,
): { readonly [K in keyof T]: string } {
  const options: ParseArgsOptionsConfig = {};
  for (const [name, value] of Object.entries(defaults)) options[name] = { type: 'string', default: value };
  return parseArgs({ options }).values as { readonly [K in keyof T]: string };
}

/** Bytes from `256M`, `4G` or a plain number. @throws {RangeError} */
export function bytesOf(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([KMG]?)(?:iB)?$/i.exec(text) ?? [];
  const factor = UNITS[unit.toUpperCase()];
  if (digits === undefined || factor === undefined) throw new RangeError(`"${text}" is no size: say 256M or 4G`);
  return Number(digits) * factor;
}

/** A whole number from 1 on. @throws {RangeError} */
export function countOf(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`--${name} must be a whole number from 1 on, not "${text}"`);
  return count;
}
