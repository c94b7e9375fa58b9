import type { AbortOptions } from '../../common/runtime/deadline.js';
import { PeerError } from '../api.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';

export interface OwnNames {
  readonly tracker: Pick<TrackerClient, 'request'>;
  readonly user: string;
}

/** The name behind a selector of mine, also of what was published from another device. @throws {PeerError} `not-found`, `ambiguous`, `usage`. */
export async function ownName(
  selector: string,
  { tracker, user }: OwnNames,
  { signal }: AbortOptions,
): Promise<string> {
  if (!selector.startsWith('id:'))
    return selector.startsWith('@') ? selector.slice(selector.indexOf('/') + 1) : selector;
  const prefix = selector.slice(3).toLowerCase();
  if (!/^[0-9a-f]{16,64}$/.test(prefix))
    throw new PeerError({ code: 'usage', message: `${selector}: an id has 16 to 64 hex digits.` });
  const reply = await tracker.request(
    'search',
    { text: '', idPrefix: prefix, owner: user, mine: true, all: true },
    { signal },
  );
  const [first, second] = reply.publications;
  if (first === undefined) throw notMine(selector);
  if (second !== undefined)
    throw new PeerError({
      code: 'ambiguous',
      message: `${selector} stands for several of your publications. Name one of them.`,
    });
  return first.name;
}

export function notMine(selector: string): PeerError {
  return new PeerError({
    code: 'not-found',
    message: `You have not published ${selector}. See what you have with lpf.`,
  });
}
