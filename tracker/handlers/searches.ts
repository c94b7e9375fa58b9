import type { Handler } from './call.js';

/** What this session wants to hear of when it is published. See docs/protocol.md "searches". */
export const searches: Handler<'searches'> = async ({ matches }, { request, session }) => {
  matches.set(session, request.searches);
  return {};
};
