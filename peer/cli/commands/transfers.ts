/** Words about downloads of the running peer. */
import { type CommandInput, PeerError, TRANSFER_PRIORITIES, type TransferPriority } from '../../api.js';
import type { TransferWord } from '../../wording/choose-transfer.js';
import { transferOutcome } from '../../wording/outcomes.js';
import type { CommandContext } from '../context.js';
import { call, withRunningPeer } from './one-shot.js';

export function cancel(context: CommandContext): Promise<number> {
  return tell(context, 'cancel', inputOf(context.args[0]));
}

export function pause(context: CommandContext): Promise<number> {
  return tell(context, 'pause', inputOf(context.args[0]));
}

export function resume(context: CommandContext): Promise<number> {
  return tell(context, 'resume', inputOf(context.args[0]));
}

export function retry(context: CommandContext): Promise<number> {
  return tell(context, 'retry', inputOf(context.args[0]));
}

export function priority(context: CommandContext): Promise<number> {
  const [level, transfer] = context.args;
  return tell(context, 'priority', { ...inputOf(transfer), priority: parsePriority('The level', level) });
}

/** @throws {PeerError} `usage` naming `what` when it is none. */
export function parsePriority(what: string, text: unknown): TransferPriority {
  const found = TRANSFER_PRIORITIES.find((level) => level === text);
  if (found !== undefined) return found;
  const message = `${what} is ${JSON.stringify(text)}, which is not high, normal or low.`;
  throw new PeerError({ code: 'usage', message });
}

function inputOf(transfer: string | undefined): { readonly transfer?: string } {
  return transfer === undefined ? {} : { transfer };
}

function tell<K extends Exclude<TransferWord, 'limit'>>(
  context: CommandContext,
  word: K,
  input: CommandInput<K>,
): Promise<number> {
  return withRunningPeer(context, { so: 'there is no download' }, async (peer) => {
    const result = await call(context, peer, word, input);
    context.output.lines([transferOutcome(word, result.transfer)]);
    context.output.result(word, result);
    return 0;
  });
}
