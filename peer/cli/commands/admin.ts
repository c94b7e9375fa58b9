import { adminCsv, adminTable } from '../../../common/admin/admin-rows.js';
import {
  AdminUsageError,
  doneText,
  passwordWish,
  readAdminWords,
  rowsWantedOf,
  shownAction,
  unknownText,
} from '../../../common/admin/admin-words.js';
import type { AdminAction, AdminList, AdminRow } from '../../../common/protocol/admin-messages.js';
import { MAX_PAGE_ROWS } from '../../../common/protocol/limits.js';
import { checkPassword } from '../../../common/protocol/password-rule.js';
import { ownCommandThere } from '../../../common/runtime/own-command.js';
import { hashPassword } from '../../../common/wire/password-hash.js';
import { type Peer, PeerError, type PeerErrorCode, type PeerProblem } from '../../api.js';
import { row } from '../../wording/row.js';
import type { CommandContext } from '../context.js';
import { readSecretFile } from '../secret-file.js';
import { call, withPeer } from './one-shot.js';

/** Administers a tracker over the network; the account must have admin rights there. */
export async function admin(context: CommandContext): Promise<number> {
  const action = read(context, await newPasswordHash(context));
  return withPeer(context, async (peer) => {
    const { output, options } = context;
    if (action.do === 'list') {
      const rows = await listAll(context, peer, action);
      const text = options['csv'] === true ? adminCsv(rows) : adminTable(rows);
      output.rows(text.split(/\r?\n/).map((line) => row(line)));
      output.result('admin', { rows });
    } else {
      await perform(context, peer, action);
      output.lines([doneText(action)]);
      output.result('admin', { done: shownAction(action) });
    }
    return 0;
  });
}

async function perform(context: CommandContext, peer: Peer, action: AdminAction): Promise<void> {
  try {
    await call(context, peer, 'admin', { action });
  } catch (error) {
    const problem = error instanceof PeerError ? problemOfAction(error.problem.code, action) : undefined;
    throw problem === undefined ? error : new PeerError(problem, { cause: error });
  }
}

/** Elsewhere these codes are about publications. */
function problemOfAction(code: PeerErrorCode, action: AdminAction): PeerProblem | undefined {
  if (code === 'name-taken') {
    const what = action.do === 'account' ? `a user ${action.user}` : 'a group of this name';
    const next =
      action.do === 'account' ? ` Give a new password with: ${ownCommandThere(`admin passwd ${action.user}`)}` : '';
    return { code, message: `There is ${what} already.${next}` };
  }
  if (code === 'not-found')
    return {
      code,
      message: unknownText(action, ownCommandThere),
    };
  if (code === 'protocol' && 'kind' in action && action.kind === 'network')
    return {
      code: 'usage',
      message: `${action.subject} is no address, and no block of them such as 203.0.113.0/24. Nothing was changed.`,
    };
  return undefined;
}

/** Of the account that is to get it; only the hash goes to the tracker. */
async function newPasswordHash({ args, options, ask }: CommandContext): Promise<string | undefined> {
  const wish = passwordWish(args);
  if (wish === undefined) return undefined;
  const file = options['newPasswordFile'];
  const password = typeof file === 'string' ? await readSecretFile(file, 'password') : await askTwice(wish.user, ask);
  const problem = checkPassword(password);
  if (problem !== undefined) throw new PeerError({ code: 'usage', message: `Nothing was changed: ${problem}` });
  return hashPassword(password);
}

async function askTwice(user: string, ask: CommandContext['ask']): Promise<string> {
  if (ask === undefined)
    throw new PeerError({
      code: 'usage',
      message: `The new password of ${user} is missing. Give --new-password-file FILE, or run this in a terminal.`,
    });
  const first = await ask.hidden(`New password for ${user}: `);
  if (first === (await ask.hidden('Once more: '))) return first;
  throw new PeerError({ code: 'usage', message: 'The two passwords differ. Nothing was changed.' });
}

function read({ args, options, output }: CommandContext, passwordHash: string | undefined): AdminAction {
  try {
    rowsWantedOf(options);
    return readAdminWords(args, options, { now: output.now(), passwordHash });
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
