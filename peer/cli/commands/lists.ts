import type { PublicationRow, SearchInput } from '../../api.js';
import { PeerError } from '../../api.js';
import { listSources, listUsers } from '../../wording/people.js';
import { published, searchOutcome, userNamed } from '../../wording/publications.js';
import { SEARCH_OPTIONS, type SearchWords, searchWish } from '../../wording/search-wish.js';
import type { CommandContext } from '../context.js';
import { call, withPeer } from './one-shot.js';

/** My publications, or what another user publishes, online or not. */
export function lpf(context: CommandContext): Promise<number> {
  const [user] = context.args;
  return withPeer(context, async (peer) => {
    const { output } = context;
    const result = await call(context, peer, 'lpf', user === undefined ? {} : { user: userNamed(user) });
    output.show(published(result, { user, now: output.now() }));
    output.result('lpf', result);
    return 0;
  });
}

/** Other active users. */
export function lap(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const { output } = context;
    const result = await call(context, peer, 'lap', {});
    output.show((width) => listUsers(result, { width, now: output.now() }));
    output.result('lap', result);
    return 0;
  });
}

/** Who has it now. */
export function sources(context: CommandContext): Promise<number> {
  const [selector = ''] = context.args;
  return withPeer(context, async (peer) => {
    const { output } = context;
    const result = await call(context, peer, 'sources', { selector });
    output.show((width) => listSources(result.publication, result.sources, { width }));
    output.result('sources', result);
    return 0;
  });
}

/** Names that contain a text, or whatever the filters leave. */
export async function sch(context: CommandContext): Promise<number> {
  const [text = ''] = context.args;
  const input = { text, ...searchOptions(context) };
  if (text === '' && Object.keys(filtersIn(context)).length === 0)
    throw new PeerError({
      code: 'usage',
      message: 'sch needs a TEXT that the name holds, or a filter. See shoal help sch.',
    });
  return search(context, 'sch', input);
}

/** Everything, my own included. */
export function list(context: CommandContext): Promise<number> {
  return search(context, 'list', { text: '', mine: true, ...searchOptions(context) });
}

async function search(context: CommandContext, word: string, input: SearchInput): Promise<number> {
  const { output } = context;
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'sch', input);
    output.show(searchOutcome(result, output.now()));
    if (result.cursor !== undefined) output.note(`Next page: the same with --cursor ${result.cursor}`);
    output.result(word, result satisfies { publications: readonly PublicationRow[] });
    return 0;
  });
}

/** What narrows the search. */
export function filtersIn({ options, process }: CommandContext): ReturnType<typeof searchWish> {
  const words = Object.keys(SEARCH_OPTIONS).map((key) => [key, options[key]]);
  return searchWish(Object.fromEntries(words) as SearchWords, process.clock.now());
}

function searchOptions(context: CommandContext): Partial<SearchInput> {
  const { ignoreCase, all, limit, cursor } = context.options;
  return {
    ...filtersIn(context),
    ...(ignoreCase === true ? { ignoreCase } : {}),
    ...(all === true ? { all } : {}),
    ...(typeof limit === 'string' ? { limit: wholeNumber(limit) } : {}),
    ...(typeof cursor === 'string' ? { cursor } : {}),
  };
}

const MAX_LIMIT = 1_000;

function wholeNumber(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= MAX_LIMIT) return value;
  throw new PeerError({
    code: 'usage',
    message: `--limit is ${JSON.stringify(text)}, which is not a number from 1 to ${MAX_LIMIT}.`,
  });
}
