import { basename, dirname } from 'node:path';
import { formatSize } from '../../../common/content/format.js';
import { type GetInput, type Peer, PeerError, type ProgressEvent, type TransferRow } from '../../api.js';
import { getDetails, getOutcome, unlistedText } from '../../wording/outcomes.js';
import { withPasscode } from '../../wording/passcode.js';
import type { CommandContext } from '../context.js';
import { makeFolder } from '../make-folder.js';
import { passcodeSource } from '../passcode.js';
import { withPeer } from './one-shot.js';
import { parsePriority } from './transfers.js';

/** Fetches one publication into `--downloads`, or the folder the shell is in. */
export async function get(context: CommandContext): Promise<number> {
  const { downloads } = context.config;
  if (downloads !== undefined) await makeFolder(downloads);
  return withPeer(context, async (peer) => {
    const result = await fetchWith(context, peer);
    const unlisted = unlistedText(result);
    context.output.lines([getOutcome(result), getDetails(result), ...(unlisted === undefined ? [] : [unlisted])]);
    context.output.result('get', result);
    return 0;
  });
}

async function fetchWith(context: CommandContext, peer: Peer) {
  const { args, options, config, process, output } = context;
  const { as, force, priority } = options;
  const input: GetInput = {
    selector: args[0] ?? '',
    directory: config.downloads ?? process.host.cwd,
    ...(typeof as === 'string' ? { as } : {}),
    ...(force === true ? { force } : {}),
    ...(priority === undefined ? {} : { priority: parsePriority('--priority', priority) }),
  };
  let latest: TransferRow | undefined;
  const onProgress = (event: ProgressEvent): void => {
    if (event.event === 'transfer') latest = event.transfer;
    output.progress(event);
  };
  try {
    return await withPasscode(
      (passcode) =>
        peer.call('get', { ...input, ...(passcode && { passcode }) }, { signal: process.signal, onProgress }),
      { what: input.selector, source: passcodeSource(context) },
    );
  } catch (error) {
    if (!process.signal.aborted) throw error;
    throw new PeerError({ code: 'interrupted', message: keptText(latest) }, { cause: error });
  }
}

function keptText(transfer: TransferRow | undefined): string {
  if (transfer === undefined || transfer.doneBytes === 0) return 'Nothing was fetched yet.';
  const { doneBytes, sizeBytes, path } = transfer;
  const kept = `${formatSize(doneBytes)} of ${formatSize(sizeBytes)} of ${basename(path)}`;
  return `${kept} are kept in ${dirname(path)} (a hidden .part file); the same get goes on from there.`;
}
