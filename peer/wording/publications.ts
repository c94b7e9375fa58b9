/** Lists of publications as people read them: `lpf`, `sch`, `list`, and the choices when a name is ambiguous. */
import { formatCount, formatDuration, formatSize } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import { type CommandResult, PeerError, type PublicationRow, type SearchResult } from '../api.js';
import { type Layout, type Listing, listingOf, paragraph, stacked } from './listing.js';
import { rightsText } from './rights.js';
import { row } from './row.js';
import { fullName, selectorFor, shortId } from './selector.js';
import { type Column, table } from './table.js';
import { termsText } from './terms.js';

export interface PublicationsOptions {
  /** Cells of a line. */
  readonly width: number;
  /** `mine` shows rights, `found` shows the owner. */
  readonly columns: 'mine' | 'found';
  /** ms since epoch; for "seen 3h ago". */
  readonly now: number;
}

const OWNER_CELLS = 16;
const RIGHTS_CELLS = 24;

const NAME: Column<PublicationRow> = { title: 'NAME', cell: (row) => safeDisplay(fullName(row)), tone: 'strong' };
const SIZE: Column<PublicationRow> = { title: 'SIZE', cell: ({ sizeBytes }) => formatSize(sizeBytes), align: 'right' };
const OWNER: Column<PublicationRow> = {
  title: 'OWNER',
  cell: ({ owner }) => safeDisplay(owner),
  tone: 'accent',
  maxCells: OWNER_CELLS,
};
const RIGHTS: Column<PublicationRow> = {
  title: 'RIGHTS',
  cell: ({ rights }) => rightsText(rights),
  maxCells: RIGHTS_CELLS,
};
const ID: Column<PublicationRow> = { title: 'ID', cell: ({ fileId }) => shortId(fileId), tone: 'faint', isWhole: true };

/** A table of publications without a heading; empty for none. */
export function publicationTable(
  rows: readonly PublicationRow[],
  { width, columns, now }: PublicationsOptions,
): Listing {
  const third = columns === 'mine' ? RIGHTS : OWNER;
  const terms = rows.some((row) => termsText(row, now) !== '') ? [termsColumn(now)] : [];
  return table(rows, [NAME, SIZE, third, ...terms, sourcesColumn(now), ID], width);
}

/** `2 files published:` and the table, or `No files published`; likewise `found`. */
export function listPublications(rows: readonly PublicationRow[], options: PublicationsOptions): Listing {
  const verb = options.columns === 'mine' ? 'published' : 'found';
  if (rows.length === 0) return listingOf([row(`No files ${verb}`)]);
  return stacked([listingOf([row(`${formatCount(rows.length, 'file')} ${verb}:`)]), publicationTable(rows, options)]);
}

/** The outcome of `lpf`: mine, or those of `user`. */
export function published(
  { publications: rows, more }: CommandResult<'lpf'>,
  { user, now }: { readonly user: string | undefined; readonly now: number },
): Layout {
  if (user !== undefined && rows.length === 0)
    return paragraph(`${safeDisplay(user)} publishes no files that you may fetch`);
  return (width) => {
    const listing = listPublications(rows, { width, columns: 'mine', now });
    if (more === undefined) return listing;
    const others = 'There are more. list shows them page by page, narrowed by --owner, --type, --since or --before.';
    return stacked([listing, paragraph(others, 'warning')(width)]);
  };
}

/** A user as typed after `lpf`, also with the `@` of selectors. @throws {PeerError} `usage`. */
export function userNamed(text: string): string {
  const name = text.replace(/^@/, '');
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return name;
  throw new PeerError({ code: 'usage', message: `${safeDisplay(text, { maxCells: 40 })} is not the name of a user.` });
}

/** The outcome of `sch` and `list`, and whether there is more. */
export function searchOutcome({ publications, partial, cursor }: SearchResult, now: number): Layout {
  return (width) => {
    const found = listPublications(publications, { width, columns: 'found', now });
    if (cursor === undefined && !partial) return found;
    const reason = partial ? 'The search was stopped at its time limit' : 'There are more';
    return stacked([found, paragraph(`${reason}: narrow the search, or see the next page.`, 'warning')(width)]);
  };
}

/** The publications that an ambiguous name may mean, each as it can be typed. */
export function choiceTable(
  rows: readonly PublicationRow[],
  { width, now }: Omit<PublicationsOptions, 'columns'>,
): Listing {
  const selector: Column<PublicationRow> = { title: 'TYPE', cell: selectorFor, tone: 'strong' };
  const id: Column<PublicationRow> = { ...ID, title: 'OR', cell: ({ fileId }) => `id:${shortId(fileId)}` };
  return table(rows, [selector, SIZE, sourcesColumn(now), id], width);
}

/** Only there when a row has any. */
function termsColumn(now: number): Column<PublicationRow> {
  const cell = (publication: PublicationRow): string => termsText(publication, now);
  const shortCell = ({ locked, expiresAt, downloads }: PublicationRow): string =>
    [
      ...(locked ? ['lock'] : []),
      ...(expiresAt === undefined ? [] : ['time']),
      ...(downloads ? [`${downloads.left}x`] : []),
    ].join(' ');
  return { title: 'TERMS', cell, shortCell, tone: 'warning' };
}

function sourcesColumn(now: number): Column<PublicationRow> {
  const cell = (publication: PublicationRow): string => sourcesText(publication, now);
  const shortCell = (publication: PublicationRow): string =>
    publication.sources > 0 ? `${publication.sources} src` : cell(publication);
  return { title: 'SOURCES', cell, shortCell, align: 'right' };
}

/** `3`, or what is known of when one was last online. */
function sourcesText({ sources, lastSeenAt }: PublicationRow, now: number): string {
  if (sources > 0) return String(sources);
  return lastSeenAt === undefined ? 'none' : `seen ${agoText(now - lastSeenAt)} ago`;
}

/** `3h`, `2d`: the first part of a duration is enough to judge by. */
export function agoText(ms: number): string {
  return formatDuration(Math.max(0, ms)).split(' ')[0] ?? '';
}
