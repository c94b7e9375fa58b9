import type { ReplyBody } from '../../common/protocol/messages.js';
import type { Services } from '../services.js';

/** Downloads of these are counted from now on, so who has a copy is no source any more. */
export function endSwarms({ registry }: Pick<Services, 'registry'>, results: ReplyBody<'rights'>['results']): void {
  for (const result of results) if (result.ok) registry.clearSwarm(result.publicationId);
}
