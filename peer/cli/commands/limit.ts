import { ownCommand } from '../../../common/runtime/own-command.js';
import { PeerError } from '../../api.js';
import { limitInput, limitsLayout, RATE_OPTIONS } from '../../wording/limits.js';
import type { CommandContext } from '../context.js';
import { attach, call } from './one-shot.js';

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
  const peer = await attach(context);
  if (peer === undefined)
    throw new PeerError({
      code: 'not-found',
      message: `No peer of yours is running. Start one with: ${ownCommand('serve')} (--upload-limit and --download-limit hold from its start).`,
    });
  try {
    const result = await call(context, peer, 'limit', input);
    output.show(limitsLayout(result));
    output.result('limit', result);
    return 0;
  } finally {
    await peer.close();
  }
}
