import { formatCount } from '../../../common/content/format.js';
import { parseSetting } from '../../../common/runtime/setting-value.js';
import type { LinkInfo } from '../../api.js';
import type { CommandContext } from '../context.js';
import { call, withPeer } from './one-shot.js';

/** Makes a sealed URL, and shows the command lines that fetch it. */
export async function link(context: CommandContext): Promise<number> {
  const { output } = context;
  const input = { selector: context.args[0] ?? '', ...expiryOf(context) };
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'link', input);
    const { name, notAfter, url, curl, wget } = result.link;
    output.lines([`${name}, until ${new Date(notAfter).toISOString()}:`, url, curl, wget]);
    output.result('link', result);
    return 0;
  });
}

export function links(context: CommandContext): Promise<number> {
  const { output } = context;
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'links', {});
    output.lines(
      result.links.length === 0
        ? ['No links']
        : [`${formatCount(result.links.length, 'link')}:`, ...result.links.map(linkText)],
    );
    output.result('links', result);
    return 0;
  });
}

export function unlink(context: CommandContext): Promise<number> {
  const { output } = context;
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'unlink', { linkId: context.args[0] ?? '' });
    output.lines([`The link ${result.link.linkId} to ${result.link.name} has ended`]);
    output.result('unlink', result);
    return 0;
  });
}

function linkText({ linkId, name, notAfter, revokedAt, uses }: LinkInfo): string {
  const state = revokedAt === undefined ? `until ${new Date(notAfter).toISOString()}` : 'ended';
  return `  ${linkId}  ${name}  ${state}  ${formatCount(uses, 'use')}`;
}

function expiryOf({ options, process }: CommandContext): { readonly expiresInMs?: number } {
  const { expires } = options;
  if (expires === undefined) return {};
  const { cwd: folder, home } = process.host;
  return { expiresInMs: parseSetting('duration', expires, { origin: '--expires', base: { folder, home } }) };
}
