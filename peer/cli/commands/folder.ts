import { resolve } from 'node:path';
import { listFolder } from '../../commands/list-folder.js';
import { folderListing, folderText } from '../../wording/folder.js';
import type { CommandContext } from '../context.js';
import { attach, call, withRunningPeer } from './one-shot.js';

/** The download folder of the running peer; where none runs, the one that a `get` from here would use. */
export async function ls(context: CommandContext): Promise<number> {
  const { config, output, process } = context;
  const peer = config.user === undefined ? undefined : await attach(context);
  try {
    const here = config.downloads ?? process.host.cwd;
    const listing = peer === undefined ? await listFolder(here) : await call(context, peer, 'ls', {});
    output.show(folderListing(listing, output.now()));
    output.result('ls', listing);
    return 0;
  } finally {
    await peer?.close();
  }
}

/** Where the running peer puts downloads that name no folder, and with FOLDER from now on. */
export function dir(context: CommandContext): Promise<number> {
  const { args, output, process } = context;
  const or = 'commands on their own put files here, or where --downloads says';
  return withRunningPeer(context, { or }, async (peer) => {
    const [folder] = args;
    const wanted = folder === undefined ? {} : { directory: resolve(process.host.cwd, folder) };
    const result = await call(context, peer, 'dir', wanted);
    output.lines([folderText(result.directory)]);
    output.result('dir', result);
    return 0;
  });
}
