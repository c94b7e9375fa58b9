/** `sch`, `list` and `lpf USER`: the tracker's pages joined to what was asked for. */
import { DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS } from '../../common/protocol/limits.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { CommandInput, CommandResult, PublicationRow } from '../api.js';
import { pathRow, publicationRow } from '../library/publication-row.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';

type Tracker = Pick<TrackerClient, 'request'>;

/** A search that ran out of the tracker's time is gone on with so often before a person hears of it: each costs the tracker 20 ms. */
const MAX_PARTIAL_PAGES = 25;

/** Cursors of the second half of a search, the files inside folders, begin with this. */
const INSIDE = 'inside:';
/** What a search for files inside folders knows. */
const PLAIN: ReadonlySet<string> = new Set(['text', 'ignoreCase', 'all', 'mine', 'owner', 'limit', 'cursor']);

/** Publications, then files inside folders whose path has the text; not these where more than the text is wanted. */
export async function search(
  tracker: Tracker,
  input: CommandInput<'sch'> & { readonly publicationIds?: string[] },
  options: AbortOptions,
): Promise<CommandResult<'sch'>> {
  const { limit = DEFAULT_PAGE_ROWS, cursor } = input;
  if (!isTextAlone(input)) return searchPublications(tracker, input, options);
  const found = cursor?.startsWith(INSIDE)
    ? { publications: [], partial: false }
    : await searchPublications(tracker, input, options);
  const left = limit - found.publications.length;
  if ('cursor' in found || found.partial) return found;
  if (left === 0) return { ...found, cursor: INSIDE };
  const inside = await searchInside(tracker, { ...input, limit: left }, options);
  return { ...inside, publications: [...found.publications, ...inside.publications] };
}

function isTextAlone(input: CommandInput<'sch'>): boolean {
  return input.text !== '' && Object.entries(input).every(([key, value]) => value === undefined || PLAIN.has(key));
}

async function searchInside(
  tracker: Tracker,
  { text, ignoreCase, all, mine, owner, limit = DEFAULT_PAGE_ROWS, cursor: from = INSIDE }: CommandInput<'sch'>,
  { signal }: AbortOptions,
): Promise<CommandResult<'sch'>> {
  const flags = {
    ...(ignoreCase && { ignoreCase }),
    ...(all && { all }),
    ...(mine && { mine }),
    ...(owner && { owner }),
  };
  const publications: PublicationRow[] = [];
  let cursor: string | undefined = from.startsWith(INSIDE) ? from.slice(INSIDE.length) : '';
  let partial = false;
  for (let partialPages = 0; partialPages < MAX_PARTIAL_PAGES; partialPages += Number(partial)) {
    const page = { limit: limit - publications.length, ...(cursor === '' ? {} : { cursor }) };
    const reply: ReplyBody<'searchPaths'> = await tracker.request(
      'searchPaths',
      { text, ...flags, ...page },
      { signal },
    );
    publications.push(...reply.paths.map(pathRow));
    ({ cursor, partial } = reply);
    if (cursor === undefined || publications.length >= limit) break;
  }
  return { publications, partial, ...(cursor === undefined ? {} : { cursor: `${INSIDE}${cursor}` }) };
}

/** Pages are joined here: over UDP each holds only what fits a datagram. */
async function searchPublications(
  tracker: Tracker,
  input: CommandInput<'sch'> & { readonly publicationIds?: string[] },
  { signal }: AbortOptions,
): Promise<CommandResult<'sch'>> {
  const { limit = DEFAULT_PAGE_ROWS, cursor: from, endings, ...rest } = input;
  const query = { ...rest, ...(endings === undefined ? {} : { endings: [...endings] }) };
  const publications: PublicationRow[] = [];
  let cursor = from;
  let partial = false;
  for (let partialPages = 0; partialPages < MAX_PARTIAL_PAGES; partialPages += Number(partial)) {
    const page = { limit: limit - publications.length, ...(cursor === undefined ? {} : { cursor }) };
    const reply = await tracker.request('search', { ...query, ...page }, { signal });
    publications.push(...reply.publications.map(publicationRow));
    ({ cursor, partial } = reply);
    if (cursor === undefined || publications.length >= limit) break;
  }
  return { publications, partial, ...(cursor === undefined ? {} : { cursor }) };
}

/** A page of what a user publishes and I may fetch, online or not. */
export async function publishedBy(
  tracker: Tracker,
  { user, cursor: from }: { readonly user: string; readonly cursor?: string },
  options: AbortOptions,
): Promise<{ rows: readonly PublicationRow[]; cursor?: string }> {
  const query = { text: '', owner: user, all: true, mine: true, limit: MAX_PAGE_ROWS };
  const { publications, cursor } = await search(tracker, { ...query, ...(from && { cursor: from }) }, options);
  return { rows: publications, ...(cursor && { cursor }) };
}
