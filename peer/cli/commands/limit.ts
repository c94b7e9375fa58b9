import { limitInput, limitsLayout, RATE_OPTIONS } from '../../wording/limits.js';
import type { CommandContext } from '../context.js';
import { call, withRunningPeer } from './one-shot.js';

/** Shows or changes the limits of the running peer. */
export async function limit(context: CommandContext): Promise<number> {
  const { args, options, output } = context;
  const given = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const nameOf = (flag: string): string => RATE_OPTIONS.find((option) => option.flag === flag)?.name ?? '';
  const input = limitInput({
    transfer: args[0],
    at: given('at'),
    remove: options['remove'] === true,
    rateOf: (flag) => given(nameOf(flag)),
  });
  const or = '--upload-limit and --download-limit hold from its start';
  return withRunningPeer(context, { or }, async (peer) => {
    const result = await call(context, peer, 'limit', input);
    output.show(limitsLayout(result));
    output.result('limit', result);
    return 0;
  });
}
