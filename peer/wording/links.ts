/** Links in plain words: `link`, `links`, `unlink`. */
import { formatCount } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import type { LinkInfo, MadeLink } from '../api.js';
import { type Layout, listingOf, paragraph, stacked, stackedLayouts } from './listing.js';
import { row } from './row.js';
import { type Column, table } from './table.js';

/** The URL and the command lines that fetch it; the token is shown this once. */
export function linkMade({ name, notAfter, url, curl, wget }: MadeLink): Layout {
  const until = `Link to ${safeDisplay(name)}, good until ${timeText(notAfter)}. It is shown only now:`;
  return stackedLayouts([paragraph(until, 'good'), ...[url, curl, wget].map((text) => paragraph(safeDisplay(text)))]);
}

/** `2 links:` and what each may still do, or `No links`. */
export function listLinks(links: readonly LinkInfo[], now: number): Layout {
  if (links.length === 0) return () => listingOf([row('No links')]);
  const columns: readonly Column<LinkInfo>[] = [
    { title: 'NAME', cell: ({ name }) => safeDisplay(name) },
    { title: 'UNTIL', cell: (link) => stateText(link, now) },
    { title: 'USES', cell: ({ uses }) => String(uses), align: 'right' },
    { title: 'LINK', cell: ({ linkId }) => safeDisplay(linkId), tone: 'faint' },
  ];
  return (width) => stacked([listingOf([row(`${formatCount(links.length, 'link')}:`)]), table(links, columns, width)]);
}

export function linkEnded({ linkId, name }: LinkInfo): string {
  return `The link ${safeDisplay(linkId)} to ${safeDisplay(name)} has ended`;
}

function stateText({ revokedAt, notAfter }: LinkInfo, now: number): string {
  if (revokedAt !== undefined) return 'ended';
  return notAfter <= now ? 'expired' : timeText(notAfter);
}

/** Local time to the minute. */
function timeText(at: number): string {
  return new Date(at).toLocaleString('sv-SE', { dateStyle: 'short', timeStyle: 'short' });
}
