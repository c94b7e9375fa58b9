/** Every line of the peer lane (`shoal-peer/1`) and the ticket, defined once. Prose: docs/protocol.md "Peer lane". Pure. */
import { z } from 'zod';
import { MAX_FILES_REQUESTED, MAX_FOLDER_FILES, MAX_RANGES, MAX_RUN_BYTES } from './limits.js';
import { errorBody } from './messages.js';
import { meetingToken } from './reach-fields.js';
import { receiptMark } from './receipt-fields.js';

const safeInteger = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const publicationId = z.string().regex(/^[A-Za-z0-9_-]{21}$/);
const ticketId = publicationId;
/** Number of one request on one connection, chosen by the requester, never used twice. */
const requestNumber = z.number().int().min(1).max(0xffff_ffff);

/** Chunks of the largest file. */
const MAX_CHUNKS = 65_536;

/** The tracker's permission for one device to fetch one publication. Times are ms since epoch by the tracker's clock. */
export const ticketSchema = z.object({
  v: z.literal(1),
  ticketId,
  publicationId,
  fileId: hex64,
  size: safeInteger,
  user: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  /** Pin of the requester's device. */
  device: hex64,
  limits: z.object({}),
  issuedAt: safeInteger,
  notAfter: safeInteger,
});
export type Ticket = z.output<typeof ticketSchema>;

const chunkIndex = z.number().int().min(0).max(MAX_CHUNKS);
/** Half-open ranges of chunk indices, ascending, not touching: `[[0, 16], [20, 21]]`. */
export const chunkRanges = z
  .array(z.tuple([chunkIndex, chunkIndex]))
  .max(MAX_RANGES)
  .refine(isAscending, 'not ascending');
export type ChunkRanges = z.output<typeof chunkRanges>;
const entryIndex = z.number().int().min(0).max(MAX_FOLDER_FILES);
/** Of a folder: lines of its listing, from 0, written as ranges of chunks are. */
const entryRanges = z
  .array(z.tuple([entryIndex, entryIndex]))
  .max(MAX_RANGES)
  .refine(isAscending, 'not ascending')
  .optional();

/** A file inside the folder that the ticket is for; absent: what the ticket names, a folder's listing. */
const file = hex64.optional();

export const peerRequest = z.discriminatedUnion('type', [
  /** Presents a ticket; everything else names its `ticketId`. */
  z.object({ id: requestNumber, type: z.literal('open'), ticket: z.string().max(2_048) }),
  z.object({ id: requestNumber, type: z.literal('manifest'), ticketId, file }),
  z.object({
    id: requestNumber,
    type: z.literal('chunks'),
    ticketId,
    file,
    first: chunkIndex,
    count: z.number().int().min(1).max(MAX_CHUNKS),
  }),
  /** Whole files of a folder, of one chunk at most each, one after the other. */
  z.object({
    id: requestNumber,
    type: z.literal('files'),
    ticketId,
    files: z.array(hex64).min(1).max(MAX_FILES_REQUESTED),
  }),
  /** What came over this connection under the ticket, and was right, signed by who fetched it. */
  z.object({
    id: requestNumber,
    type: z.literal('receipt'),
    ticketId,
    bytes: safeInteger,
    at: safeInteger,
    device: receiptMark,
  }),
]);
export type PeerRequest = z.output<typeof peerRequest>;

/** Lines that are no requests: answers, runs and notices. */
export const peerAnswer = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('opened'),
    id: requestNumber,
    size: safeInteger,
    chunkSize: safeInteger,
    have: z.union([z.literal('all'), chunkRanges]),
    /** Entries of a folder that are there; absent: all of them. */
    entries: entryRanges,
  }),
  /** `bytes` raw bytes follow this line at once: of the manifest's hashes, or of the file, from `offset`. */
  z.object({
    type: z.literal('run'),
    id: requestNumber,
    offset: safeInteger,
    bytes: z.number().int().min(1).max(MAX_RUN_BYTES),
  }),
  /** The same receipt, signed by the source. */
  z.object({ type: z.literal('receipted'), id: requestNumber, source: receiptMark }),
  /** The request's last run is over. */
  z.object({ type: z.literal('end'), id: requestNumber }),
  z.object({ type: z.literal('error'), id: requestNumber, error: errorBody }),
  /** The request waits for an upload slot; position from 1. */
  z.object({
    type: z.literal('queued'),
    id: requestNumber,
    position: z.number().int().min(1),
    etaMs: safeInteger.optional(),
  }),
  /** More chunks, of `file` when it is named, or entries of a folder are held now. */
  z.object({
    type: z.literal('have'),
    ticketId,
    file,
    have: z.union([z.literal('all'), chunkRanges]),
    entries: entryRanges,
  }),
  /** The file behind the ticket changed; nothing more comes for it. */
  z.object({ type: z.literal('changed'), ticketId }),
  /** Requester: stop answering that request. Runs already begun are finished. */
  z.object({ type: z.literal('cancel'), id: requestNumber }),
  /** Requester: this chunk did not have its hash. */
  z.object({ type: z.literal('bad-chunk'), ticketId, file, index: chunkIndex }),
  /** The first line of who dials because the other end asked for it. */
  z.object({ type: z.literal('back'), token: meetingToken }),
  /** The sender leaves; nothing more will be served. */
  z.object({ type: z.literal('bye') }),
]);
export type PeerAnswer = z.output<typeof peerAnswer>;
export const peerLine = z.discriminatedUnion('type', [...peerRequest.options, ...peerAnswer.options]);
export type PeerLine = PeerRequest | PeerAnswer;

function isAscending(ranges: readonly (readonly [number, number])[]): boolean {
  let end = -1;
  for (const [from, to] of ranges) {
    if (from <= end || to <= from) return false;
    end = to;
  }
  return true;
}
