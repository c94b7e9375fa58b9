/** Turns what a person typed (`NAME`, `@OWNER/NAME`, `id:PREFIX`) into one publication, or says why that is not possible. */
import type { AbortOptions } from '../common/runtime/deadline.js';
import { PeerError, type PublicationRow } from './api.js';
import { publicationRow } from './library/publication-row.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

export interface Found {
  readonly publication: PublicationRow;
  /** All publications of the same content that I may fetch, `publication` included: each brings its own sources. */
  readonly same: readonly PublicationRow[];
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
  return { publication, same: twins.publications.map(publicationRow) };
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
  const reply = await tracker.request('search', { ...queryOf(selector), all: true, mine: true }, { signal });
  return reply.publications.map(publicationRow);
}

interface Query {
  readonly text: string;
  readonly exact?: boolean;
  readonly owner?: string;
  readonly idPrefix?: string;
}

function queryOf(selector: string): Query {
  if (selector.startsWith('id:')) {
    const idPrefix = selector.slice(3).toLowerCase();
    if (!/^[0-9a-f]{16,64}$/.test(idPrefix))
      throw new PeerError({ code: 'usage', message: `${selector}: an id has 16 to 64 hex digits.` });
    return { text: '', idPrefix };
  }
  if (!selector.startsWith('@')) return { text: selector, exact: true };
  const slash = selector.indexOf('/');
  const owner = selector.slice(1, slash);
  if (slash < 2 || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(owner)) {
    throw new PeerError({ code: 'usage', message: `${selector}: write @OWNER/NAME.` });
  }
  return { text: selector.slice(slash + 1), exact: true, owner };
}
