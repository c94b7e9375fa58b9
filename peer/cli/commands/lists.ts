import type { PublicationRow, SearchInput } from '../../api.js';
import { PeerError } from '../../api.js';
import { listSources, listUsers } from '../../wording/people.js';
import { listPublications, searchOutcome } from '../../wording/publications.js';
import type { CommandContext } from '../context.js';
import { call, withPeer } from './one-shot.js';

/** My publications, online or not. */
export function lpf(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const { output } = context;
    const result = await call(context, peer, 'lpf', {});
    output.show((width) => listPublications(result.publications, { width, columns: 'mine', now: output.now() }));
    output.result('lpf', result);
    return 0;
  });
}

/** Other active users. */
export function lap(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const { output } = context;
    const result = await call(context, peer, 'lap', {});
    output.show((width) => listUsers(result.users, { width, now: output.now() }));
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

/** Names that contain a text. */
export function sch(context: CommandContext): Promise<number> {
  return search(context, 'sch', { text: context.args[0] ?? '' });
}

/** Everything, my own included. */
export function list(context: CommandContext): Promise<number> {
  return search(context, 'list', { text: '', mine: true });
}

async function search(context: CommandContext, word: string, input: SearchInput): Promise<number> {
  const { output, options } = context;
  const wanted = { ...input, ...searchOptions(options) };
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'sch', wanted);
    output.show(searchOutcome(result, output.now()));
    if (result.cursor !== undefined) output.note(`Next page: --cursor ${result.cursor}`);
    output.result(word, result satisfies { publications: readonly PublicationRow[] });
    return 0;
  });
}

function searchOptions(options: CommandContext['options']): Partial<SearchInput> {
  const { ignoreCase, all, limit, cursor } = options;
  return {
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
