import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Rights, RightsOutcome } from '../api.js';
import { peerErrorOf } from '../tracker-client/problems.js';
import { problemOfFailure } from './failure.js';
import { notMine, type OwnNames, ownName } from './own-name.js';
import { wireRights } from './wire-rights.js';

/** Changes who may fetch mine, by name or `id:PREFIX`; one outcome a selector, in order. */
export async function changeRights(
  { selectors, rights }: { readonly selectors: readonly string[]; readonly rights: Rights },
  mine: OwnNames,
  { signal }: AbortOptions,
): Promise<RightsOutcome[]> {
  const outcomes: RightsOutcome[] = [];
  for (const selector of selectors) {
    try {
      outcomes.push({ ok: true, selector, name: await changeOne(selector, rights, { ...mine, signal }), rights });
    } catch (error) {
      signal.throwIfAborted();
      outcomes.push({ ok: false, selector, problem: problemOfFailure(error) });
    }
  }
  return outcomes;
}

async function changeOne(
  selector: string,
  rights: Rights,
  { signal, ...mine }: OwnNames & AbortOptions,
): Promise<string> {
  const name = await ownName(selector, mine, { signal });
  const reply = await mine.tracker.request('rights', { names: [name], rights: wireRights(rights) }, { signal });
  const result = reply.results[0];
  if (result?.ok === true) return name;
  if (result?.error.code === 'not-found') throw notMine(selector);
  throw peerErrorOf(result?.error ?? { code: 'internal', message: '' });
}
