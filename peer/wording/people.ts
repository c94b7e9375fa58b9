/** Lists of people and of sources: `lap`, `sources`. */
import { formatCount } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import type { CommandResult, PublicationRow, SourceRow, UserRow } from '../api.js';
import { type Listing, listingOf, stacked } from './listing.js';
import { agoText } from './publications.js';
import { row } from './row.js';
import { type Column, table } from './table.js';

export interface UsersOptions {
  readonly width: number;
  /** ms since epoch; for "online for 3h". */
  readonly now: number;
}

/** `2 active users:` and who they are, or `No active users`. */
export function listUsers({ users, more }: CommandResult<'lap'>, { width, now }: UsersOptions): Listing {
  if (users.length === 0) return listingOf([row('No active users')]);
  const columns: readonly Column<UserRow>[] = [
    { title: 'USER', cell: ({ user }) => safeDisplay(user), tone: 'accent' },
    { title: 'FILES', cell: ({ publications }) => String(publications), align: 'right' },
    { title: 'ONLINE FOR', cell: ({ since }) => agoText(now - since), align: 'right' },
  ];
  const count = formatCount(users.length, 'active user');
  const heading = more === undefined ? `${count}:` : `${count}, and there are more:`;
  return stacked([listingOf([row(heading)]), table(users, columns, width)]);
}

/** `2 sources of report.pdf:` and where they are. */
export function listSources(
  { name }: Pick<PublicationRow, 'name'>,
  sources: readonly SourceRow[],
  { width }: { readonly width: number },
): Listing {
  if (sources.length === 0) return listingOf([row(`${safeDisplay(name)} has no source online now`)]);
  const columns: readonly Column<SourceRow>[] = [
    { title: 'USER', cell: ({ user }) => safeDisplay(user), tone: 'accent' },
    { title: 'HAS', cell: ({ has }) => (has === 'all' ? 'all' : 'a part') },
    {
      title: 'ADDRESS',
      cell: ({ addresses: [first] }) => (first === undefined ? 'dials back, or relay' : safeDisplay(first)),
    },
    { title: 'DEVICE', cell: ({ devicePin }) => safeDisplay(shortPin(devicePin)), tone: 'faint' },
  ];
  const heading = `${formatCount(sources.length, 'source')} of ${safeDisplay(name)}:`;
  return stacked([listingOf([row(heading)]), table(sources, columns, width)]);
}

function shortPin(pin: string): string {
  return pin.slice(0, 'sha256:'.length + 16);
}
