/** The terms of a publication, as people read and write them. */
import { PeerError, type ShownTerms, type Terms } from '../api.js';

/** The options of `pub` and `rights` that set terms; the passcode is asked for apart. */
export interface TermsWish {
  /** `2h`, `7d`, `2026-12-24`, `2026-12-24T18:00` or `never`. */
  readonly expires?: string;
  /** A number, or `unlimited`. */
  readonly times?: string;
  readonly burnAfter?: string;
}

const MS_PER_UNIT: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const MAX_DOWNLOADS = 1_000_000;

/** What the options mean; undefined when none was given. @throws {PeerError} `usage`. */
export function termsOf({ expires, times, burnAfter }: TermsWish, now: number): Terms | undefined {
  if (times !== undefined && burnAfter !== undefined) throw usage('Give --times or --burn-after, not both.');
  const terms: Terms = {
    ...(expires === undefined ? {} : { expiresAt: expiryOf(expires, now) }),
    ...(times === undefined ? {} : { downloads: times === 'unlimited' ? null : countOf('--times', times, false) }),
    ...(burnAfter === undefined ? {} : { downloads: countOf('--burn-after', burnAfter, true) }),
  };
  return Object.keys(terms).length === 0 ? undefined : terms;
}

function expiryOf(text: string, now: number): number | null {
  if (text === 'never') return null;
  const [, digits, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  if (digits !== undefined && unit !== undefined && Number(digits) > 0)
    return Math.floor(now) + Number(digits) * (MS_PER_UNIT[unit] ?? 0);
  const at = dateOf(text);
  if (at === undefined)
    throw usage(
      `--expires takes a time such as 2h, 7d or 3w, a date such as 2026-12-24 or 2026-12-24T18:00, or never.`,
    );
  if (at <= now) throw usage(`--expires ${text} is past already.`);
  return at;
}

/** By the clock on this computer's wall; a date alone means the end of that day. */
function dateOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/.test(text)) return undefined;
  const at = Date.parse(text.includes('T') ? text : `${text}T23:59:59`);
  // 2026-02-31 would be read as a day in March.
  return Number.isNaN(at) || !dateText(at).startsWith(text.slice(0, 10)) ? undefined : at;
}

function countOf(flag: string, text: string, burn: boolean): { readonly most: number; readonly burn: boolean } {
  const most = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (most < 1 || most > MAX_DOWNLOADS)
    throw usage(`${flag} takes a number of downloads from 1 to 1000000${burn ? '' : ', or unlimited'}.`);
  return { most, burn };
}

function usage(message: string): PeerError {
  return new PeerError({ code: 'usage', message });
}

/** `passcode, until 2026-12-24 18:00, 2 of 3 downloads left`; empty without terms. */
export function termsText({ locked, expiresAt, downloads }: ShownTerms, now: number): string {
  const parts: string[] = [];
  if (locked === true) parts.push('passcode');
  if (expiresAt !== undefined) parts.push(expiresAt <= now ? 'expired' : `until ${dateText(expiresAt)}`);
  if (downloads !== undefined) parts.push(downloadsText(downloads));
  return parts.join(', ');
}

function downloadsText({ most, burn, left }: NonNullable<ShownTerms['downloads']>): string {
  if (left === 0) return burn ? 'burned' : 'no downloads left';
  return `${left} of ${most} ${most === 1 ? 'download' : 'downloads'} left${burn ? ', then gone' : ''}`;
}

/** `2026-12-24 18:00`, by the clock on the wall. */
function dateText(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** What was changed about a publication: `a passcode`, `no passcode`, `until …`, `3 downloads`. */
export function changedTermsText(terms: ChangedTerms): string[] {
  const { locked, expiresAt, downloads } = terms;
  return [
    ...(locked === undefined ? [] : [locked ? 'has a passcode' : 'has no passcode']),
    ...(expiresAt === undefined
      ? []
      : [expiresAt === null ? 'does not expire' : `is there until ${dateText(expiresAt)}`]),
    ...(downloads === undefined
      ? []
      : [downloads === null ? 'may be fetched as often as you like' : countText(downloads)]),
  ];
}

/** As an outcome tells it: without the passcode itself. */
export type ChangedTerms = Omit<Terms, 'passcode'> & { readonly locked?: boolean };

function countText({ most, burn }: NonNullable<Terms['downloads']>): string {
  const count = most === 1 ? 'once' : `${most} times`;
  return burn ? `may be fetched ${count}, then it is gone` : `may be fetched ${count}`;
}
