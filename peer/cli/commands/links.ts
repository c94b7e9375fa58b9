import { parseSetting } from '../../../common/runtime/setting-value.js';
import { linkEnded, linkMade, listLinks } from '../../wording/links.js';
import type { CommandContext } from '../context.js';
import { call, withRunningPeer } from './one-shot.js';

const FOR_LINKS = { so: 'nothing would serve a link' };

/** Makes a sealed URL, and shows the command lines that fetch it. */
export async function link(context: CommandContext): Promise<number> {
  const { output } = context;
  const input = { selector: context.args[0] ?? '', ...expiryOf(context) };
  return withRunningPeer(context, FOR_LINKS, async (peer) => {
    const result = await call(context, peer, 'link', input);
    output.show(linkMade(result.link));
    output.result('link', result);
    return 0;
  });
}

export function links(context: CommandContext): Promise<number> {
  const { output } = context;
  return withRunningPeer(context, FOR_LINKS, async (peer) => {
    const result = await call(context, peer, 'links', {});
    output.show(listLinks(result.links, output.now()));
    output.result('links', result);
    return 0;
  });
}

export function unlink(context: CommandContext): Promise<number> {
  const { output } = context;
  return withRunningPeer(context, FOR_LINKS, async (peer) => {
    const result = await call(context, peer, 'unlink', { linkId: context.args[0] ?? '' });
    output.lines([linkEnded(result.link)]);
    output.result('unlink', result);
    return 0;
  });
}

function expiryOf({ options, process }: CommandContext): { readonly expiresInMs?: number } {
  const { expires } = options;
  if (expires === undefined) return {};
  const { cwd: folder, home } = process.host;
  return { expiresInMs: parseSetting('duration', expires, { origin: '--expires', base: { folder, home } }) };
}
