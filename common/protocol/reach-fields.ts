/** How two peers meet that cannot dial one another as usual. See docs/protocol.md "reach" and "Relay". Pure. */
import { z } from 'zod';
import { errorBody } from './error-body.js';
import { base64url, pin, publicationId, userName } from './fields.js';
import { MAX_REACH_ADDRESSES } from './limits.js';

/** 16 random bytes that the asker chose for one meeting. */
export const meetingToken = base64url(16);

const by = z.enum(['back', 'relay']);
/** `back`: the source dials the asker; `relay`: both meet at the tracker. */
export type ReachWay = z.output<typeof by>;

export const reachFields = {
  publicationId,
  /** The source's. */
  device: pin,
  by,
  token: meetingToken,
};

/** What the source is told: who waits, and, to be dialled, where. */
export const reachEventFields = {
  by,
  token: meetingToken,
  user: userName,
  device: pin,
  addresses: z
    .array(z.object({ host: z.string().max(253), port: z.number().int().min(1).max(65_535) }))
    .max(MAX_REACH_ADDRESSES),
};

/** First line of a connection to the relay. */
export const relayHello = z.object({
  v: z.literal(1),
  session: base64url(16),
  token: meetingToken,
  /** Shows that the sender has the session's access key. */
  proof: base64url(32),
});
export type RelayHello = z.output<typeof relayHello>;

/** The relay's only line; after `ok` everything is the other end's. */
export const relayAnswer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), error: errorBody }),
]);
export type RelayAnswer = z.output<typeof relayAnswer>;
