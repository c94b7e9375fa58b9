/** `status`: the whole state of the peer, laid out. */
import { formatCount, formatRate } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import type { ConnectionState, PeerState, TransferRow, TransferSource } from '../api.js';
import { limitsText } from './limits.js';
import { type Layout, listingOf, paragraph, paragraphs, stackedLayouts } from './listing.js';
import { problemText } from './problem.js';
import type { Tone } from './row.js';
import { hashingRow, queueTexts, storingRow, transferRow, uploadText } from './transfers.js';

/** Who, where, how fast, and every transfer with its sources. `now` in ms since epoch. */
export function statusLayout(state: PeerState, now: number): Layout {
  const { tracker, filePort, limits, downloads, uploads, hashing, storing } = state;
  const { text, tone } = connectionText(state.connection, now);
  return stackedLayouts([
    paragraph(`${safeDisplay(state.user)} at ${safeDisplay(tracker.address)}: ${text}`, tone),
    paragraphs(['Tracker fingerprint:', `  ${safeDisplay(tracker.pin)}`], 'faint'),
    paragraph(filePort === undefined ? 'Not serving files' : `Serving on ${filePort.host}:${filePort.port}`, 'faint'),
    paragraph(`Receiving ${formatRate(state.receivedBytesPerSecond)}, sending ${formatRate(state.sentBytesPerSecond)}`),
    ...(limits === undefined ? [] : [paragraph(`Limits: ${limitsText(limits)}`)]),
    paragraph(downloads.length === 0 ? 'No downloads' : `${formatCount(downloads.length, 'download')}:`),
    ...downloads.map((transfer) => downloadLayout(transfer, now)),
    paragraph(uploads.length === 0 ? 'No uploads' : `${formatCount(uploads.length, 'upload')}:`),
    ...uploads.map((upload) => paragraph(`  ${uploadText(upload)}`)),
    ...hashing.map(
      (file): Layout =>
        (width) =>
          listingOf([hashingRow(file, width)]),
    ),
    ...storing.map(
      (file): Layout =>
        (width) =>
          listingOf([storingRow(file, width)]),
    ),
  ]);
}

/** The connection to the tracker in a few words; `isShort` for the header, where other things must have room. */
export function connectionText(
  connection: ConnectionState,
  now: number,
  { isShort = false }: { readonly isShort?: boolean } = {},
): { readonly text: string; readonly tone: Tone } {
  switch (connection.kind) {
    case 'connecting':
      return { text: 'connecting', tone: 'warning' };
    case 'online':
      return { text: 'online', tone: 'good' };
    case 'waiting': {
      const seconds = Math.max(0, Math.ceil((connection.retryAt - now) / 1000));
      return { text: `${isShort ? 'no tracker' : 'tracker not responding'}, retry in ${seconds}s`, tone: 'warning' };
    }
    case 'ended':
      return { text: isShort ? 'ended' : problemText(connection.problem), tone: 'bad' };
  }
}

function downloadLayout(transfer: TransferRow, now: number): Layout {
  const lines = [
    `id ${safeDisplay(transfer.transferId)}`,
    ...(transfer.limitBytesPerSecond === undefined ? [] : [`limited to ${formatRate(transfer.limitBytesPerSecond)}`]),
    ...(transfer.problem === undefined ? [] : [problemText(transfer.problem)]),
    ...transfer.sources.map(sourceText),
  ];
  return stackedLayouts([
    (width) => listingOf([transferRow(transfer, width, now)]),
    ...lines.map((line) => paragraph(`    ${line}`, 'faint')),
  ]);
}

function sourceText({ user, address, state, via, bytesPerSecond, problem, ...queue }: TransferSource): string {
  const way = via === undefined ? '' : `, ${via}`;
  const place = queue.queuePosition === undefined ? '' : `, ${queueTexts(queue).join(', ')}`;
  const rate = state === 'sending' ? `, ${formatRate(bytesPerSecond)}` : '';
  const why = problem === undefined ? '' : `: ${problemText(problem)}`;
  return `${safeDisplay(user)} ${safeDisplay(address)} ${state}${way}${place}${rate}${why}`;
}
