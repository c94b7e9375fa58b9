/** `shoal admin …` on the tracker's own computer: whoever may read the store is its administrator. A tracker may run beside. */
import { adminCsv, adminTable } from '../../common/admin/admin-rows.js';
import {
  type AdminOptions,
  AdminUsageError,
  doneText,
  passwordWish,
  readAdminWords,
  rowsWantedOf,
  shownAction,
  unknownText,
} from '../../common/admin/admin-words.js';
import type { AdminAction, AdminList, AdminRow } from '../../common/protocol/admin-messages.js';
import { type ErrorCode, ProtocolError } from '../../common/protocol/errors.js';
import { MAX_PAGE_ROWS } from '../../common/protocol/limits.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import { hashPassword } from '../../common/wire/password-hash.js';
import { performAdmin } from '../admin/perform-admin.js';
import type { Store } from '../store/store.js';
import { takePassword } from './password.js';
import { CliError, type CliProcess, EXIT } from './process.js';
import { LOCAL_ACTOR, type StoreFlags, withNewStore, withStore } from './with-store.js';

const ACTOR = { user: LOCAL_ACTOR };

export type AdminFlags = StoreFlags & AdminOptions;

export async function runAdmin(words: readonly string[], flags: AdminFlags, process: CliProcess): Promise<void> {
  const action = read(words, { ...flags, passwordHash: await newPasswordHash(words, flags, process) }, process);
  const { data, config, store: location, json } = flags;
  const storeFlags = { data, config, store: location, json } as StoreFlags;
  const isFirst = action.do === 'account' && action.isNew;
  await (isFirst ? withNewStore : withStore)(storeFlags, process, async ({ store, output }) => {
    try {
      if (action.do === 'list') {
        const rows = await listAll(store, action, flags, process);
        output.say({ event: 'result', rows }, flags['csv'] === true ? adminCsv(rows) : adminTable(rows));
        return;
      }
      await performAdmin({ store }, { actor: ACTOR, action, at: Math.floor(process.clock.now()) });
      output.say({ event: 'result', done: shownAction(action) }, doneText(action));
    } catch (error) {
      throw told(error, action);
    }
  });
}

async function newPasswordHash(
  words: readonly string[],
  flags: AdminFlags,
  process: CliProcess,
): Promise<string | undefined> {
  const wish = passwordWish(words);
  if (wish === undefined) return undefined;
  const file = flags['newPasswordFile'] as string | undefined;
  return hashPassword(await takePassword(wish.user, file, process, '--new-password-file'));
}

interface ReadFlags extends AdminFlags {
  readonly passwordHash: string | undefined;
}

function read(words: readonly string[], { passwordHash, ...flags }: ReadFlags, process: CliProcess): AdminAction {
  try {
    rowsWantedOf(flags);
    return readAdminWords(words, flags, { now: process.clock.now(), passwordHash });
  } catch (error) {
    if (!(error instanceof AdminUsageError)) throw error;
    throw new CliError(error.message, { code: 'usage', exitCode: EXIT.usage, cause: error });
  }
}

async function listAll(store: Store, action: AdminList, flags: AdminFlags, process: CliProcess): Promise<AdminRow[]> {
  const wanted = rowsWantedOf(flags);
  const rows: AdminRow[] = [];
  let cursor: number | undefined;
  do {
    const limit = Math.min(MAX_PAGE_ROWS, wanted - rows.length);
    const at = Math.floor(process.clock.now());
    const page = await performAdmin({ store }, { actor: ACTOR, action: { ...action, limit }, at, cursor });
    rows.push(...page.rows.map(({ row }) => row));
    cursor = page.next;
  } while (cursor !== undefined && rows.length < wanted);
  return rows;
}

const EXIT_OF: Partial<Record<ErrorCode, number>> = { 'unknown-name': EXIT.notFound, 'bad-message': EXIT.usage };

function told(error: unknown, action: AdminAction): unknown {
  if (!(error instanceof ProtocolError)) return error;
  const { code } = error;
  const message = code === 'unknown-name' ? unknownText(action, ownCommand) : error.message;
  return new CliError(message, { code, exitCode: EXIT_OF[code] ?? EXIT.failed, cause: error });
}
