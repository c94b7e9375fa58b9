/** Which download a person means by an id, a name or nothing at all. */
import { safeDisplay } from '../../common/content/safe-display.js';
import { PeerError, type TransferRow, type TransferState } from '../api.js';

export type TransferWord = 'cancel' | 'pause' | 'resume' | 'retry' | 'priority' | 'limit';

const UNDER_WAY: readonly TransferState[] = ['waiting', 'checking', 'fetching', 'finishing'];

const FITTING: Readonly<Record<TransferWord, (row: TransferRow) => boolean>> = {
  cancel: ({ state }) => UNDER_WAY.includes(state) || state === 'paused',
  pause: ({ state }) => UNDER_WAY.includes(state) && state !== 'finishing',
  resume: ({ state }) => state === 'paused',
  retry: ({ state, retryAt }) => state === 'failed' || state === 'stopped' || retryAt !== undefined,
  priority: ({ state }) => UNDER_WAY.includes(state) || state === 'paused',
  limit: ({ state }) => UNDER_WAY.includes(state) || state === 'paused',
};

const NONE: Readonly<Record<TransferWord, string>> = {
  cancel: 'No download is under way',
  pause: 'No download is under way',
  resume: 'No download is paused',
  retry: 'No download has failed or waits to be tried again',
  priority: 'No download is under way',
  limit: 'No download is under way',
};

/** True when `word` can do something about it. */
export function canBe(word: TransferWord, row: TransferRow): boolean {
  return FITTING[word](row);
}

/** The id of the one that is meant by an id, `NAME`, `@OWNER/NAME` or nothing. @throws {PeerError} `not-found`, `usage` when several are. */
export function chooseTransfer(word: TransferWord, wanted: string | undefined, rows: readonly TransferRow[]): string {
  const known = wanted === undefined ? rows : rows.filter((row) => isCalled(row, wanted));
  const fitting = known.filter((row) => canBe(word, row));
  const [transfer, ...others] = fitting;
  if (transfer === undefined) throw new PeerError({ code: 'not-found', message: noneText(word, wanted, known) });
  if (others.length === 0) return transfer.transferId;
  const names = fitting.slice(0, 10).map(({ owner, name }) => safeDisplay(`@${owner}/${name}`));
  const text = `${names.join(', ')}${fitting.length > names.length ? ', …' : ''}`;
  throw new PeerError({ code: 'usage', message: `Several downloads fit: ${text}. Name one of them, or give its id.` });
}

function isCalled({ transferId, name, owner }: TransferRow, wanted: string): boolean {
  return name === wanted || transferId === wanted || `@${owner}/${name}` === wanted;
}

function noneText(word: TransferWord, wanted: string | undefined, known: readonly TransferRow[]): string {
  if (wanted === undefined) return `${NONE[word]}. "status" lists them.`;
  const last = known.at(-1);
  if (last === undefined) return `There is no download called ${safeDisplay(wanted)}. "status" lists them.`;
  return `No change: ${safeDisplay(last.name)} is ${last.state}, so ${word} does nothing. "status" lists all downloads.`;
}
