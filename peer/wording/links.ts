/** Links in plain words: `link`, `links`, `unlink`. */
import { formatCount } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import type { LinkInfo, MadeLink } from '../api.js';
import { type Layout, listingOf, paragraph, stacked, stackedLayouts } from './listing.js';
import { row } from './row.js';
import { quoteArgument } from './selector.js';
import { type Column, table } from './table.js';

/** The URL and the command lines that fetch it, each in one line however long, so that it can be copied; the token is shown this once. */
export function linkMade(link: MadeLink): Layout {
  const lines = [link.url, link.curl, link.wget].map((text) => row(safeDisplay(text)));
  return stackedLayouts([paragraph(untilText(link), 'good'), () => listingOf(lines)]);
}

/** On a screen that wraps the URL, with the command that prints it whole. */
export function linkOnScreen(link: MadeLink, { user, tracker }: { user: string; tracker: string }): Layout {
  const command = ownCommand(`link ${quoteArgument(link.name)} --user ${user} --tracker ${tracker}`);
  return stackedLayouts([
    paragraph(untilText(link), 'good'),
    paragraph(safeDisplay(link.url)),
    paragraph('A link to copy in one line, and commands for curl and wget, come from a shell:', 'faint'),
    paragraph(`  ${safeDisplay(command)}`, 'faint'),
  ]);
}

function untilText({ name, notAfter }: MadeLink): string {
  return `Link to ${safeDisplay(name)}, good until ${timeText(notAfter)}. It is shown only now:`;
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
