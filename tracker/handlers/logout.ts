import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';

/** Ends this session for good, and no other of the user. See docs/protocol.md "logout". */
export const logout: Handler<'logout'> = async (services, call) => {
  await mutateOnce(services, call, { type: 'logout' });
  services.registry.end(call.session);
  const { user, device, observed } = call.session;
  services.audit.note('logout', { user, device, address: observed.host });
  return {};
};
