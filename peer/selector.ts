/** Turns what a person typed (`NAME`, `@OWNER/NAME`, `id:PREFIX`) into one publication, or says why that is not possible. */
import type { AbortOptions } from '../common/runtime/deadline.js';
import { PeerError, type PublicationRow } from './api.js';
import { publicationRow } from './library/publication-row.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

export interface Found {
  readonly publication: PublicationRow;
  /** All publications of the same content that I may fetch, `publication` included: each brings its own sources. */
  readonly same: readonly PublicationRow[];
  /** The path or pattern behind the name of a folder. */
  readonly inside: string | undefined;
}

/** @throws {PeerError} `not-found`, `ambiguous` with the choices, `usage`. */
export async function findPublication(
  selector: string,
  tracker: Pick<TrackerClient, 'request'>,
  { signal }: AbortOptions,
): Promise<Found> {
  const rows = await findPublications(selector, tracker, { signal });
  const [first] = rows;
  if (first === undefined)
    throw new PeerError({ code: 'not-found', message: `File not found: ${selector}. Look for it with: sch TEXT` });
  if (rows.some((row) => row.fileId !== first.fileId)) {
    const message = `${selector} stands for several files. Say which with @OWNER/NAME or id:PREFIX.`;
    throw new PeerError({ code: 'ambiguous', message, choices: rows });
  }
  const publication = rows.toSorted((a, b) => costOf(a) - costOf(b) || b.sources - a.sources)[0] ?? first;
  const twins = await tracker.request(
    'search',
    { text: '', idPrefix: publication.fileId, all: true, mine: true },
    { signal },
  );
  return { publication, same: twins.publications.map(publicationRow), inside: queryOf(selector).inside };
}

/** Somebody should have it; then better without a passcode, and without using up a download. */
function costOf({ sources, locked, downloads }: PublicationRow): number {
  return (sources === 0 ? 4 : 0) + (locked ? 2 : 0) + (downloads ? 1 : 0);
}

/** All publications that I may fetch and that `selector` may mean. @throws {PeerError} `usage`. */
export async function findPublications(
  selector: string,
  tracker: Pick<TrackerClient, 'request'>,
  { signal }: AbortOptions,
): Promise<PublicationRow[]> {
  const reply = await tracker.request('search', { ...queryOf(selector).query, all: true, mine: true }, { signal });
  return reply.publications.map(publicationRow);
}

interface Query {
  readonly text: string;
  readonly exact?: boolean;
  readonly owner?: string;
  readonly idPrefix?: string;
}

/** No name of a publication has a slash: what is behind it lies inside. */
function queryOf(selector: string): { readonly query: Query; readonly inside: string | undefined } {
  if (!selector.startsWith('@')) {
    const [name, inside] = split(selector);
    if (!selector.startsWith('id:')) return { query: { text: name, exact: true }, inside };
    const idPrefix = name.slice(3).toLowerCase();
    if (!/^[0-9a-f]{16,64}$/.test(idPrefix))
      throw new PeerError({ code: 'usage', message: `${selector}: an id has 16 to 64 hex digits.` });
    return { query: { text: '', idPrefix }, inside };
  }
  const slash = selector.indexOf('/');
  const owner = selector.slice(1, slash);
  if (slash < 2 || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(owner)) {
    throw new PeerError({ code: 'usage', message: `${selector}: write @OWNER/NAME.` });
  }
  const [text, inside] = split(selector.slice(slash + 1));
  return { query: { text, exact: true, owner }, inside };
}

function split(text: string): [string, string | undefined] {
  const slash = text.indexOf('/');
  if (slash < 0) return [text, undefined];
  const inside = text.slice(slash + 1).replace(/\/+$/, '');
  return [text.slice(0, slash), inside === '' ? undefined : inside];
}
