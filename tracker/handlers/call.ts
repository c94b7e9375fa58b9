import type { ReplyBody, Request, RequestType } from '../../common/protocol/messages.js';
import type { Carrier } from '../carrier.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';

/** A request with whom it came from. */
export interface Call<T extends RequestType> {
  readonly request: Request<T>;
  readonly session: Session;
  readonly carrier: Carrier;
}

/** Answers one verb, whichever transport brought it. @throws {ProtocolError} what the reply then says. */
export type Handler<T extends RequestType> = (services: Services, call: Call<T>) => Promise<ReplyBody<T>>;
