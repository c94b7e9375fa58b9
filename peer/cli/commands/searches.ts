import { resolve } from 'node:path';
import { PeerError } from '../../api.js';
import { listSearches, searchEnded, searchSaved } from '../../wording/searches.js';
import type { CommandContext } from '../context.js';
import { filtersIn } from './lists.js';
import { call, withPeer } from './one-shot.js';

/** Saves a search for as long as nobody ends it; matches are told, or fetched, by the running peer. */
export async function save(context: CommandContext): Promise<number> {
  const { args, options, output, process } = context;
  const [text = ''] = args;
  const filters = filtersIn(context);
  if (text === '' && Object.keys(filters).length === 0)
    throw new PeerError({
      code: 'usage',
      message: 'save needs a TEXT that the name holds, or a filter. See shoal help save.',
    });
  const input = {
    text,
    ...filters,
    ...(options['ignoreCase'] === true ? { ignoreCase: true } : {}),
    ...(options['up'] === true ? { untilUp: true } : {}),
    ...(typeof options['into'] === 'string' ? { into: resolve(process.host.cwd, options['into']) } : {}),
  };
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'save', input);
    output.lines([searchSaved(result.search, peer.attached)]);
    output.result('save', result);
    return 0;
  });
}

export function searches(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const { output } = context;
    const result = await call(context, peer, 'searches', {});
    output.show(listSearches(result.searches, output.now()));
    output.result('searches', result);
    return 0;
  });
}

export function unsave(context: CommandContext): Promise<number> {
  const [searchId = ''] = context.args;
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'unsave', { searchId });
    context.output.lines([searchEnded(result.search)]);
    context.output.result('unsave', result);
    return 0;
  });
}
