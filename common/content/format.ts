/** Numbers as people read them, the same on the terminal screen, in CLI lines and on pages. Pure: no clock, no locale, no colour. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const UNKNOWN = '–';
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `312 B`, `1.5 GiB`: at most four digits, never rounded up to `1024.0`. A negative or infinite number is `–`. */
export function formatSize(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return UNKNOWN;
  let value = Math.round(bytes);
  let unit = 0;
  // 1023.95 would be shown as 1024.0: it belongs to the next unit.
  while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `12.3 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  const size = formatSize(bytesPerSecond);
  return size === UNKNOWN ? UNKNOWN : `${size}/s`;
}

/** `7s`, `1m 05s`, `2h 03m`, `4d 07h`; part of a second counts as one. Unknown (infinite, negative, not a number) is `–`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return UNKNOWN;
  const seconds = Math.ceil(ms / 1000);
  if (seconds < MINUTE) return `${seconds}s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m ${twoDigits(seconds % MINUTE)}s`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)}h ${twoDigits(Math.floor((seconds % HOUR) / MINUTE))}m`;
  return `${Math.floor(seconds / DAY)}d ${twoDigits(Math.floor((seconds % DAY) / HOUR))}h`;
}

/** Time until `bytesLeft` have come at this rate: `0s` when none are left, `–` while nothing moves. */
export function formatEta(bytesLeft: number, bytesPerSecond: number): string {
  return bytesLeft === 0 ? '0s' : formatDuration(bytesPerSecond > 0 ? (bytesLeft / bytesPerSecond) * 1000 : Infinity);
}

/** `1 file`, `2 files`, `12,345 entries`. */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${String(count).replace(/\B(?=(?:\d{3})+$)/g, ',')} ${count === 1 ? singular : plural}`;
}

/** `42%`. Rounded down: `100%` stands only when all is done; nothing to do is done. */
export function formatPercent(done: number, total: number): string {
  return `${Math.floor(fractionOf(done, total) * 100)}%`;
}

/** `done / total`, kept within 0 and 1; 1 when there is nothing to do. */
export function fractionOf(done: number, total: number): number {
  if (total === 0) return 1;
  const fraction = done / total;
  return Number.isNaN(fraction) ? 0 : Math.min(1, Math.max(0, fraction));
}

export interface ProgressBarOptions {
  /** Characters that every terminal has: `[####--]`. Default: `[████░░]`. */
  readonly isAscii?: boolean;
}

/** A bar of exactly `width` cells with its brackets; full only at 1. Empty when there is no room for one (`width` below 3). */
export function progressBar(fraction: number, width: number, { isAscii = false }: ProgressBarOptions = {}): string {
  const inner = Math.floor(width) - 2;
  if (!(inner >= 1)) return '';
  const filled = Math.floor(inner * fractionOf(fraction, 1));
  const [full, empty] = isAscii ? ['#', '-'] : ['█', '░'];
  return `[${full.repeat(filled)}${empty.repeat(inner - filled)}]`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
