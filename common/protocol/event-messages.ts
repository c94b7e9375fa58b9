/** What the tracker sends without being asked. See docs/protocol.md "Events". Pure. */
import { z } from 'zod';
import { isBase64url } from './base64url.js';
import { errorBody } from './error-body.js';
import { PROTOCOL_VERSION } from './messages.js';
import { reachEventFields } from './reach-fields.js';
import { matchFields } from './search-fields.js';

const safeInteger = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const challenge = z
  .string()
  .max(22)
  .refine((value) => isBase64url(value, 16), 'not base64url');

/** What the tracker says by itself; acknowledged by `seen`, except `challenge`. */
export const eventSchema = z.discriminatedUnion('event', [
  z.object({ v: z.literal(PROTOCOL_VERSION), event: z.literal('challenge'), challenge }),
  z.object({ v: z.literal(PROTOCOL_VERSION), event: z.literal('shutting-down'), eventId: z.string().max(32) }),
  z.object({
    v: z.literal(PROTOCOL_VERSION),
    event: z.literal('revoked'),
    eventId: z.string().max(32),
    epoch: safeInteger,
  }),
  z.object({
    v: z.literal(PROTOCOL_VERSION),
    /** Copies were asked for, stored or removed: a depot asks for `work`, an owner for `copies`. */
    event: z.literal('copies'),
    eventId: z.string().max(32),
  }),
  z.object({
    v: z.literal(PROTOCOL_VERSION),
    /** Somebody else has removed one's publications: tell of the library again. */
    event: z.literal('library'),
    eventId: z.string().max(32),
  }),
  z.object({
    v: z.literal(PROTOCOL_VERSION),
    event: z.literal('ended'),
    eventId: z.string().max(32),
    error: errorBody,
  }),
  /** Somebody who may fetch from us cannot dial us. */
  z.object({
    v: z.literal(PROTOCOL_VERSION),
    event: z.literal('reach'),
    eventId: z.string().max(32),
    ...reachEventFields,
  }),
  z.object({ v: z.literal(PROTOCOL_VERSION), event: z.literal('match'), eventId: z.string().max(32), ...matchFields }),
]);
export type TrackerEvent = z.output<typeof eventSchema>;
