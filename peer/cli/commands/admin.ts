import { adminCsv, adminTable } from '../../../common/admin/admin-rows.js';
import { AdminUsageError, doneText, readAdminWords, rowsWantedOf } from '../../../common/admin/admin-words.js';
import type { AdminAction, AdminList, AdminRow } from '../../../common/protocol/admin-messages.js';
import { MAX_PAGE_ROWS } from '../../../common/protocol/limits.js';
import { type Peer, PeerError } from '../../api.js';
import { row } from '../../wording/row.js';
import type { CommandContext } from '../context.js';
import { call, withPeer } from './one-shot.js';

/** Administers a tracker over the network; the account must have admin rights there. */
export function admin(context: CommandContext): Promise<number> {
  const action = read(context);
  return withPeer(context, async (peer) => {
    const { output, options } = context;
    if (action.do === 'list') {
      const rows = await listAll(context, peer, action);
      const text = options['csv'] === true ? adminCsv(rows) : adminTable(rows);
      output.rows(text.split(/\r?\n/).map((line) => row(line)));
      output.result('admin', { rows });
    } else {
      await call(context, peer, 'admin', { action });
      output.lines([doneText(action)]);
      output.result('admin', { done: action });
    }
    return 0;
  });
}

function read({ args, options, output }: CommandContext): AdminAction {
  try {
    rowsWantedOf(options);
    return readAdminWords(args, options, output.now());
  } catch (error) {
    if (!(error instanceof AdminUsageError)) throw error;
    throw new PeerError({ code: 'usage', message: error.message }, { cause: error });
  }
}

async function listAll(context: CommandContext, peer: Peer, action: AdminList): Promise<AdminRow[]> {
  const wanted = rowsWantedOf(context.options);
  const rows: AdminRow[] = [];
  let next = {};
  do {
    const limit = Math.min(MAX_PAGE_ROWS, wanted - rows.length);
    const page = await call(context, peer, 'admin', { action: { ...action, limit, ...next } });
    rows.push(...page.rows);
    if (page.cursor === undefined) return rows;
    next = { cursor: page.cursor };
  } while (rows.length < wanted);
  return rows;
}
