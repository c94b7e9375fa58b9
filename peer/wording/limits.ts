/** Rate limits in plain words, and how they are written. */
import { formatRate } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import { ConfigError, parseSetting } from '../../common/runtime/setting-value.js';
import { type LimitInput, type LimitsView, PeerError, type RateLimits } from '../api.js';
import { type Layout, paragraph, stackedLayouts } from './listing.js';

type RateName = keyof RateLimits;

/** The options of `limit`, what each limits, and what it does in a few words. */
export const RATE_OPTIONS: readonly { readonly flag: string; readonly name: RateName; readonly does: string }[] = [
  { flag: '--up', name: 'up', does: 'all that is sent' },
  { flag: '--down', name: 'down', does: 'all that is received; with DOWNLOAD, that one alone' },
  { flag: '--peer-up', name: 'peerUp', does: 'what is sent to each other peer' },
  { flag: '--peer-down', name: 'peerDown', does: 'what is received from each other peer' },
  { flag: '--transfer-up', name: 'transferUp', does: 'each upload' },
  { flag: '--transfer-down', name: 'transferDown', does: 'each download' },
];

export interface LimitWish {
  readonly transfer?: string | undefined;
  readonly at?: string | undefined;
  readonly remove: boolean;
  /** What stands after a flag of `RATE_OPTIONS`. */
  readonly rateOf: (flag: string) => string | undefined;
}

/** What a line of `limit` asks for. @throws {PeerError} `usage`. */
export function limitInput({ transfer, at, remove, rateOf }: LimitWish): LimitInput {
  const rates: RateLimits = Object.fromEntries(
    RATE_OPTIONS.flatMap(({ flag, name }) => {
      const text = rateOf(flag);
      return text === undefined ? [] : [[name, parseRate(text, flag)]];
    }),
  );
  const names = Object.keys(rates);
  if (remove && (at === undefined || names.length > 0)) throw usage('--remove takes only --at WHEN with it.');
  if (transfer !== undefined && at !== undefined)
    throw usage(`One download has no times. Quote a time with a space: --at "${safeDisplay(`${at} ${transfer}`)}"`);
  if (transfer !== undefined && names.length === 0 && isRate(transfer))
    throw usage(
      `Say what ${transfer} is for: --down ${transfer} for all that is received, --up ${transfer} for all that is sent.`,
    );
  if (transfer !== undefined && (remove || names.join() !== 'down'))
    throw usage('For one download say --down RATE, or --down none, and nothing else.');
  const which = { ...(transfer === undefined ? {} : { transfer }), ...(at === undefined ? {} : { at }) };
  return { ...rates, ...which, ...(remove ? { remove } : {}) };
}

function isRate(text: string): boolean {
  return text === 'none' || /^\d+[KMGT]?$/.test(text);
}

/** Bytes a second of `800K`, `10M` or `none` (0). @throws {PeerError} `usage`. */
function parseRate(text: string, flag: string): number {
  if (text === 'none') return 0;
  try {
    return parseSetting('bytes', text, { origin: flag, base: { folder: '/', home: '/' } });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new PeerError({ code: 'usage', message: `${error.message} Or say none.` }, { cause: error });
  }
}

function usage(message: string): PeerError {
  return new PeerError({ code: 'usage', message });
}

/** `sending 1.0 MiB/s, receiving 2.0 MiB/s from each peer`, or `none`. */
export function limitsText(limits: RateLimits): string {
  const texts = RATE_OPTIONS.flatMap(({ name }) => {
    const rate = limits[name];
    if (rate === undefined) return [];
    const direction = name.toLowerCase().endsWith('up') ? 'sending' : 'receiving';
    return [`${direction} ${rate === 0 ? 'without limit' : formatRate(rate)}${WHOM[name]}`];
  });
  return texts.length === 0 ? 'none' : texts.join(', ');
}

const WHOM: Readonly<Record<RateName, string>> = {
  up: '',
  down: '',
  peerUp: ' to each peer',
  peerDown: ' from each peer',
  transferUp: ' for each upload',
  transferDown: ' for each download',
};

/** The download that was limited, what holds now, what holds otherwise, and the hours with other rates. */
export function limitsLayout({ now, always, schedule, download }: LimitsView): Layout {
  const rules = schedule.map(({ at, rates, isNow }) =>
    paragraph(`  ${safeDisplay(at)}: ${limitsText(rates)}${isNow ? ' (now)' : ''}`, isNow ? 'plain' : 'faint'),
  );
  const usual = schedule.length === 0 ? [] : [paragraph(`  otherwise: ${limitsText(always)}`, 'faint'), ...rules];
  const alone = download === undefined ? [] : [paragraph(downloadText(download), 'good')];
  return stackedLayouts([...alone, paragraph(`Limits: ${limitsText(now)}`), ...usual]);
}

function downloadText({ name, limitBytesPerSecond: rate }: NonNullable<LimitsView['download']>): string {
  return `${safeDisplay(name)}: ${rate === undefined ? 'no limit of its own' : `receiving ${formatRate(rate)}`}`;
}
