/** Valid events of the tracker, made at random. One that is missing here does not compile. */
import fc, { type Arbitrary } from 'fast-check';
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import { base64url, count, digits, error, hex64, port, publicationId, text, user, WORD } from './arbitrary-fields.js';

const eventId = text(32);
const meeting = {
  by: fc.constantFrom('back' as const, 'relay' as const),
  token: base64url(16),
  user,
  device: hex64,
  addresses: fc.array(fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port }), { maxLength: 6 }),
};
type EventOf<T extends TrackerEvent['event']> = Extract<TrackerEvent, { event: T }>;
export const events: { readonly [T in TrackerEvent['event']]: Arbitrary<EventOf<T>> } = {
  challenge: fc.record({ v: fc.constant(1), event: fc.constant('challenge'), challenge: base64url(16) }),
  'shutting-down': fc.record({ v: fc.constant(1), event: fc.constant('shutting-down'), eventId }),
  revoked: fc.record({ v: fc.constant(1), event: fc.constant('revoked'), eventId, epoch: count }),
  copies: fc.record({ v: fc.constant(1), event: fc.constant('copies'), eventId }),
  library: fc.record({ v: fc.constant(1), event: fc.constant('library'), eventId }),
  reach: fc.record({ v: fc.constant(1), event: fc.constant('reach'), eventId, ...meeting }),
  ended: fc.record({ v: fc.constant(1), event: fc.constant('ended'), eventId, error }) as unknown as Arbitrary<
    EventOf<'ended'>
  >,
  match: fc.record(
    {
      v: fc.constant(1),
      event: fc.constant('match'),
      eventId,
      search: digits(WORD, 1, 16),
      publicationIds: fc.array(publicationId, { maxLength: 4 }),
      more: fc.boolean(),
    },
    { requiredKeys: ['v', 'event', 'eventId', 'search', 'publicationIds'] },
  ) as unknown as Arbitrary<EventOf<'match'>>,
};
