import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { RightsInput, RightsOutcome } from '../api.js';
import { peerErrorOf } from '../tracker-client/problems.js';
import { problemOfFailure } from './failure.js';
import type { Library, Wish } from './library.js';
import { notMine, type OwnNames, ownName } from './own-name.js';
import { wireWish } from './wire-rights.js';
import { wireTerms } from './wire-terms.js';

/** Changes who may fetch mine and on which terms, by name or `id:PREFIX`; one outcome a selector, in order. */
export async function changeRights(
  { selectors, rights, terms }: RightsInput,
  mine: OwnNames & { readonly library: Library },
  { signal }: AbortOptions,
): Promise<RightsOutcome[]> {
  const wish = { rights, terms: terms && (await wireTerms(terms, mine.library)) };
  const outcomes: RightsOutcome[] = [];
  for (const selector of selectors) {
    try {
      const name = await changeOne(selector, wish, { ...mine, signal });
      outcomes.push({
        ok: true,
        selector,
        name,
        ...(rights && { rights }),
        ...(terms && { terms: withoutSecret(terms) }),
      });
    } catch (error) {
      signal.throwIfAborted();
      outcomes.push({ ok: false, selector, problem: problemOfFailure(error) });
    }
  }
  return outcomes;
}

/** Outcomes are shown and logged. */
function withoutSecret({ passcode, ...rest }: NonNullable<RightsInput['terms']>) {
  return passcode === undefined ? rest : { ...rest, locked: passcode !== null };
}

async function changeOne(
  selector: string,
  wish: Wish,
  { signal, library, ...mine }: OwnNames & AbortOptions & { readonly library: Library },
): Promise<string> {
  const name = await ownName(selector, mine, { signal });
  const reply = await mine.tracker.request('rights', { names: [name], ...wireWish(wish) }, { signal });
  const result = reply.results[0];
  library.revision = reply.libraryRevision;
  if (result?.ok === true) {
    library.overrule(name, wish);
    return name;
  }
  if (result?.error.code === 'not-found') throw notMine(selector);
  throw peerErrorOf(result?.error ?? { code: 'internal', message: '' });
}
