/** `del` and `at-risk`: what is stored in the network, removed and looked after. */
import { MAX_PAGE_ROWS } from '../common/protocol/limits.js';
import type { AbortOptions } from '../common/runtime/deadline.js';
import { PeerError } from './api.js';
import type { DelInput, DelOutcome, RiskRow } from './api-depot.js';
import { problemOfFailure } from './library/failure.js';
import { publicationRow } from './library/publication-row.js';
import type { Publisher } from './library/publisher.js';
import { findPublications } from './selector.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

/** Rows that `at-risk` shows at most: a screen's answer, not an export. */
const MAX_LISTED = 10_000;

export interface DelParts {
  readonly tracker: Pick<TrackerClient, 'request'>;
  readonly publisher: Publisher;
  readonly user: () => string;
}

/** One outcome a selector, in order; one that fails does not stop the others. */
export async function del(
  parts: DelParts,
  { selectors, passcode }: DelInput,
  options: AbortOptions,
): Promise<DelOutcome[]> {
  const outcomes: DelOutcome[] = [];
  for (const selector of selectors) {
    try {
      outcomes.push(await delOne(parts, { selector, passcode }, options));
    } catch (error) {
      options.signal.throwIfAborted();
      outcomes.push({ ok: false, selector, problem: problemOfFailure(error) });
    }
  }
  return outcomes;
}

async function delOne(
  { tracker, publisher, user }: DelParts,
  { selector, passcode }: { readonly selector: string; readonly passcode: string | undefined },
  options: AbortOptions,
): Promise<DelOutcome> {
  const [publication, ...others] = await findPublications(selector, tracker, options);
  if (publication === undefined)
    throw new PeerError({ code: 'not-found', message: `File not found: ${selector}. Look for it with: list --all` });
  // What is removed is gone: the name must stand for one alone, also when both have the same content.
  if (others.length > 0) {
    const message = `${selector} stands for several files. Say which with @OWNER/NAME.`;
    throw new PeerError({ code: 'ambiguous', message, choices: [publication, ...others] });
  }
  try {
    await tracker.request('del', { publicationId: publication.publicationId, ...(passcode && { passcode }) }, options);
  } catch (error) {
    if (!(error instanceof PeerError) || error.code !== 'not-allowed') throw error;
    const message = `Not allowed: only ${publication.owner} may remove ${publication.name}.`;
    throw new PeerError({ code: 'not-allowed', message }, { cause: error });
  }
  if (publication.owner === user()) publisher.forget(publication.publicationId);
  return { ok: true, selector, publication };
}

export async function listAtRisk(
  tracker: Pick<TrackerClient, 'request'>,
  all: boolean,
  options: AbortOptions,
): Promise<RiskRow[]> {
  const rows: RiskRow[] = [];
  let cursor: string | undefined;
  do {
    const page = { limit: MAX_PAGE_ROWS, ...(cursor === undefined ? {} : { cursor }) };
    const reply = await tracker.request('atRisk', { all, ...page }, options);
    rows.push(...reply.publications.map(({ holders, ...row }) => ({ ...publicationRow(row), holders })));
    cursor = reply.cursor;
  } while (cursor !== undefined && rows.length < MAX_LISTED);
  return rows;
}
