/** Words about stored copies. */
import type { CommandInput, CommandResult, ProgressEvent } from '../../api.js';
import { delEach, listAtRisk, putWish, readersNote } from '../../wording/depots.js';
import { storingAdvice } from '../../wording/transfers.js';
import type { CommandContext } from '../context.js';
import { openPeer } from '../open-peer.js';
import { passcodeSource } from '../passcode.js';
import { call, withPeer } from './one-shot.js';
import { publishInput, sayOutcomes } from './publish.js';

/** Stores through the running peer, or becomes the peer that serves until everything is stored. */
export async function put(context: CommandContext): Promise<number> {
  const { options, output } = context;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const where = putWish({ to: text(options['to']), copies: text(options['copies']), isOpen: options['open'] === true });
  const input = { ...(await publishInput(context)), ...where };
  const peer = await openPeer(context, { door: context.openDoor(), serving: true });
  try {
    const onProgress = (event: ProgressEvent): void => {
      const advice = event.event === 'storing' ? storingAdvice(event) : undefined;
      if (advice !== undefined) output.note(advice);
      output.progress(event);
    };
    const { outcomes } = await peer.call('put', input, { signal: context.process.signal, onProgress });
    const note = readersNote(outcomes);
    if (note !== undefined) output.note(note);
    return sayOutcomes(context, 'put', outcomes);
  } finally {
    await peer.close();
  }
}

/** Removes what is stored. */
export function del(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const run = (input: CommandInput<'del'>) => call(context, peer, 'del', input);
    const outcomes = await delEach(context.args, { run, source: passcodeSource(context) });
    return sayOutcomes(context, 'del', outcomes);
  });
}

/** What may be lost soon. */
export function atRisk(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const { output, options } = context;
    const result: CommandResult<'atRisk'> = await call(context, peer, 'atRisk', { all: options['all'] === true });
    output.show((width) => listAtRisk(result.publications, { width, now: output.now() }));
    output.result('at-risk', result);
    return 0;
  });
}
