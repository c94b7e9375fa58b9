import { ERROR_TEXTS } from '../../common/protocol/errors.js';
import type { Reply, Request } from '../../common/protocol/messages.js';
import { parseRequest, RequestError } from '../../common/protocol/parse.js';

/** The request, or what is wrong with it. `token` is that of a resume datagram's header. */
export function readRequest(bytes: Uint8Array, token?: string): Request | RequestError {
  try {
    return parseRequest(bytes, token);
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
}

/** The reply to a request that could not be read; undefined when it has not even an id. */
export function refusal({ code, message, requestId }: RequestError): Reply | undefined {
  return requestId === undefined ? undefined : { id: requestId, ok: false, error: { code, message } };
}

/** Instead of a reply that has become longer than a datagram. */
export function tooLong(id: string): Reply {
  return { id, ok: false, error: { code: 'use-tcp', message: ERROR_TEXTS['use-tcp'] } };
}
