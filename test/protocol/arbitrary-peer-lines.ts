/** Valid lines of the peer lane and tickets, made at random. A type that is missing here does not compile. */
import fc, { type Arbitrary } from 'fast-check';
import type { ChunkRanges, PeerLine, Ticket } from '../../common/protocol/peer-messages.js';
import { base64url, count, error, hex64, positive, publicationId, text, user } from './arbitrary-fields.js';

const number = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const mark = fc.record({ key: base64url(33), signature: base64url(64) });
const index = fc.integer({ min: 0, max: 65_535 });
/** Sorted different numbers, taken in pairs, are ascending ranges that do not touch. */
const ranges: Arbitrary<ChunkRanges> = fc.uniqueArray(index, { maxLength: 40 }).map((values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return Array.from(
    { length: Math.floor(sorted.length / 2) },
    (_, pair) => [sorted[2 * pair] ?? 0, sorted[2 * pair + 1] ?? 0] as [number, number],
  );
});
const entries = ranges;
const have = fc.oneof(fc.constant('all' as const), ranges);
type LineOf<T extends PeerLine['type']> = Extract<PeerLine, { type: T }>;

export const peerLines: { readonly [T in PeerLine['type']]: Arbitrary<LineOf<T>> } = {
  open: fc.record({ id: number, type: fc.constant('open'), ticket: text(2_048) }),
  manifest: fc.record({ id: number, type: fc.constant('manifest'), ticketId: publicationId }),
  chunks: fc.record({
    id: number,
    type: fc.constant('chunks'),
    ticketId: publicationId,
    first: index,
    count: fc.integer({ min: 1, max: 65_536 }),
  }),
  files: fc.record({
    id: number,
    type: fc.constant('files'),
    ticketId: publicationId,
    files: fc.array(hex64, { minLength: 1, maxLength: 512 }),
  }),
  receipt: fc.record({
    id: number,
    type: fc.constant('receipt'),
    ticketId: publicationId,
    bytes: count,
    at: count,
    device: mark,
  }),
  receipted: fc.record({ type: fc.constant('receipted'), id: number, source: mark }),
  opened: fc.record(
    { type: fc.constant('opened' as const), id: number, size: count, chunkSize: count, have, entries },
    { requiredKeys: ['type', 'id', 'size', 'chunkSize', 'have'] },
  ) as unknown as Arbitrary<LineOf<'opened'>>,
  run: fc.record({
    type: fc.constant('run'),
    id: number,
    offset: count,
    bytes: fc.integer({ min: 1, max: 4_194_304 }),
  }),
  end: fc.record({ type: fc.constant('end'), id: number }),
  error: fc.record({ type: fc.constant('error'), id: number, error }) as unknown as Arbitrary<LineOf<'error'>>,
  queued: fc.record(
    { type: fc.constant('queued' as const), id: number, position: positive, etaMs: count },
    { requiredKeys: ['type', 'id', 'position'] },
  ) as unknown as Arbitrary<LineOf<'queued'>>,
  have: fc.record(
    { type: fc.constant('have' as const), ticketId: publicationId, have, entries, file: hex64 },
    { requiredKeys: ['type', 'ticketId', 'have'] },
  ) as unknown as Arbitrary<LineOf<'have'>>,
  changed: fc.record({ type: fc.constant('changed'), ticketId: publicationId }),
  cancel: fc.record({ type: fc.constant('cancel'), id: number }),
  'bad-chunk': fc.record({ type: fc.constant('bad-chunk'), ticketId: publicationId, index }),
  back: fc.record({ type: fc.constant('back'), token: base64url(16) }),
  bye: fc.record({ type: fc.constant('bye') }),
};

export const tickets: Arbitrary<Ticket> = fc.record({
  v: fc.constant(1),
  ticketId: publicationId,
  publicationId,
  fileId: hex64,
  size: count,
  user,
  device: hex64,
  limits: fc.constant({}),
  issuedAt: count,
  notAfter: count,
});
