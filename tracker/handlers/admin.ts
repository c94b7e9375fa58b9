import { ProtocolError } from '../../common/protocol/errors.js';
import { describeAction, performAdmin } from '../admin/perform-admin.js';
import type { Handler } from './call.js';
import { decodeNumber, encodeCursor, fitPage, rowsWanted } from './page.js';

/** An administrator's words. Whether the account is one is asked anew for each request. See docs/protocol.md "admin". */
export const admin: Handler<'admin'> = async (services, { request, session, carrier }) => {
  const { store, audit, live, clock } = services;
  const actor = { user: session.user, device: session.device, address: session.observed.host };
  const account = await store.findAccount(session.user);
  if (account?.isAdmin !== true || account.state !== 'active') {
    audit.noteRefusal('admin', {
      ...actor,
      ...describeAction(request.action),
      detail: `refused: ${describeAction(request.action).detail}`,
    });
    throw new ProtocolError('not-allowed');
  }
  const { action } = request;
  const isList = action.do === 'list';
  const { rows, next } = await performAdmin(
    { store, live },
    {
      actor,
      action: isList ? { ...action, limit: rowsWanted(action.limit, carrier) } : action,
      at: Math.floor(clock.now()),
      cursor: isList ? decodeNumber(action.cursor) : undefined,
    },
  );
  return fitPage(carrier, {
    id: request.id,
    rows,
    build: (some, cursor) => ({ rows: some.map(({ row }) => row), ...cursor }),
    cursorAfter: ({ cursor }) => encodeCursor(String(cursor)),
    next: next === undefined ? undefined : encodeCursor(String(next)),
  });
};
