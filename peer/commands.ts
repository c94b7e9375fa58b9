/** What each command of `api.ts` does, in terms of the peer's parts. One function a word; no sockets, no state of their own. */
import { join } from 'node:path';
import { MAX_PAGE_ROWS } from '../common/protocol/limits.js';
import type { AbortOptions } from '../common/runtime/deadline.js';
import { ownCommand } from '../common/runtime/own-command.js';
import {
  type CommandInput,
  type CommandName,
  type CommandOptions,
  type CommandResult,
  PeerError,
  type PublicationRow,
  type SourceRow,
  TRANSFER_PRIORITIES,
  type TransferPriority,
} from './api.js';
import { firstRows } from './commands/first-rows.js';
import { listFolder } from './commands/list-folder.js';
import { publishedBy, search } from './commands/search.js';
import { del, listAtRisk } from './del.js';
import type { DownloadRequest } from './download/download-request.js';
import type { Downloads } from './download/downloads.js';
import { isPattern } from './download/folder/inside.js';
import { type DownloadFolder, requireFolder } from './download-folder.js';
import type { DownloadSources } from './download-sources.js';
import { changeRights } from './library/change-rights.js';
import type { Library } from './library/library.js';
import { publicationRow } from './library/publication-row.js';
import type { Publisher } from './library/publisher.js';
import { renameMine } from './library/rename.js';
import type { LinkMaker } from './link-maker.js';
import { type PutParts, put } from './put.js';
import { type Limits, refuseTooSmall } from './rates/limits.js';
import { ratesIn } from './rates/rate-limits.js';
import type { SavedSearches } from './saved-searches.js';
import { findPublication } from './selector.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';
import { chooseTransfer, type TransferWord } from './wording/choose-transfer.js';

export interface CommandParts {
  readonly tracker: TrackerClient;
  readonly publisher: Publisher;
  readonly library: Library;
  readonly downloads: Downloads;
  readonly sources: DownloadSources;
  readonly folder: DownloadFolder;
  readonly searches: SavedSearches;
  readonly limits: Limits;
  /** Absent when this peer does not serve, as the next. */
  readonly put: PutParts | undefined;
  readonly links: LinkMaker | undefined;
  readonly isOwn: (devicePin: string) => boolean;
  /** As the account spells it. */
  readonly user: () => string;
}

type Runner<K extends CommandName> = (input: CommandInput<K>, options: CommandOptions) => Promise<CommandResult<K>>;
/** Words whose meaning lies in the peer itself. */
type PeerWord = 'status' | 'whoami' | 'logout' | 'xit';
export type CommandRunners = { readonly [K in Exclude<CommandName, PeerWord>]: Runner<K> };

export function commandRunners(parts: CommandParts): CommandRunners {
  const { tracker, publisher, downloads, links, library, folder, searches } = parts;
  const chosen = (word: TransferWord, wanted: string | undefined): string =>
    chooseTransfer(word, wanted, downloads.rows());
  return {
    lpf: ({ user }, options) => listPublished(tracker, user, options),
    lap: (_input, options) => listPeers(tracker, options),
    pub: async (input, options) => ({ outcomes: await publisher.publish(input, options) }),
    unp: async ({ selectors }, options) => ({ outcomes: await publisher.withdraw(selectors, options) }),
    rename: (input, options) => renameMine(input, { library, tracker, user: parts.user() }, options),
    rights: async (input, options) => ({
      outcomes: await changeRights(input, { library, tracker, user: parts.user() }, options),
    }),
    put: async (input, options) => ({ outcomes: await put(mayStore(parts.put), input, options) }),
    del: async (input, options) => ({ outcomes: await del(parts, input, options) }),
    atRisk: async ({ all = false }, options) => ({ publications: await listAtRisk(tracker, all, options) }),
    sch: (input, options) => search(tracker, input, options),
    save: async (input, options) => {
      if (input.into !== undefined) await requireFolder(input.into);
      return { search: await searches.save(input, options) };
    },
    searches: async () => ({ searches: searches.rows() }),
    unsave: async ({ searchId }, options) => ({ search: await searches.remove(searchId, options) }),
    ls: async () => listFolder(folder.path),
    dir: async ({ directory }) => {
      if (directory !== undefined) await folder.change(directory);
      return { directory: folder.path };
    },
    get: (input, options) => get(parts, input, options),
    sources: (input, options) => listSources(parts, input, options),
    cancel: async ({ transfer }) => ({ transfer: await downloads.cancel(chosen('cancel', transfer)) }),
    pause: async ({ transfer }) => ({ transfer: await downloads.pause(chosen('pause', transfer)) }),
    resume: async ({ transfer }) => ({ transfer: await downloads.resume(chosen('resume', transfer)) }),
    retry: async ({ transfer }) => ({ transfer: await downloads.retry(chosen('retry', transfer)) }),
    priority: async ({ transfer, priority }) => ({
      transfer: await downloads.setPriority(chosen('priority', transfer), checkedPriority(priority)),
    }),
    limit: async (input) => changeLimits(input, parts),
    link: async (input) => ({ link: await serving(links).make(input) }),
    admin: ({ action }, options) => tracker.request('admin', { action }, options),
    links: async () => ({ links: serving(links).list() }),
    unlink: async ({ linkId }) => ({ link: await serving(links).revoke(linkId) }),
  };
}

async function listPublished(
  tracker: TrackerClient,
  user: string | undefined,
  options: AbortOptions,
): Promise<CommandResult<'lpf'>> {
  const { rows, ...more } = await firstRows(async (from) => {
    if (user !== undefined) return publishedBy(tracker, { user, ...from }, options);
    const { publications, cursor } = await tracker.request('listPublished', { limit: MAX_PAGE_ROWS, ...from }, options);
    return { rows: publications.map(publicationRow), cursor };
  });
  return { publications: rows, ...more };
}

async function listPeers(tracker: TrackerClient, options: AbortOptions): Promise<CommandResult<'lap'>> {
  const { rows, ...more } = await firstRows(async (from) => {
    const { peers, cursor } = await tracker.request('listPeers', { limit: MAX_PAGE_ROWS, ...from }, options);
    return { rows: peers, cursor };
  });
  return { users: rows, ...more };
}

async function get(
  parts: CommandParts,
  input: CommandInput<'get'>,
  options: CommandOptions,
): Promise<CommandResult<'get'>> {
  const { tracker, downloads, sources, folder } = parts;
  const directory = input.directory ?? (await folder.ready());
  await requireFolder(directory);
  const { publication, inside } = await findPublication(input.selector, tracker, options);
  if (publication.locked === true) await sources.unlock(publication, input.passcode, options);
  const request = requestFor(publication, inside, { ...input, directory });
  const { onProgress } = options;
  const transfer = await downloads.get(request, {
    signal: options.signal,
    priority: input.priority === undefined ? undefined : checkedPriority(input.priority),
    ...(onProgress ? { onProgress: (row) => onProgress({ event: 'transfer', transfer: row }) } : {}),
  });
  return { path: join(directory, request.fileName), transfer };
}

/** @throws {PeerError} `usage` when a path inside a file is asked for. */
function requestFor(
  publication: PublicationRow,
  inside: string | undefined,
  input: CommandInput<'get'> & { readonly directory: string },
): DownloadRequest {
  const { publicationId, fileId, sizeBytes, owner, name, kind, listingBytes = 0 } = publication;
  const { directory, force = false } = input;
  const file = { publicationId, fileId, owner, name, directory, force };
  if (kind === 'file') {
    if (inside === undefined) return { ...file, sizeBytes, fileName: input.as ?? name };
    throw new PeerError({ code: 'usage', message: `${name} is a file: there is nothing inside it.` });
  }
  const own = inside === undefined || isPattern(inside) ? name : (inside.split('/').at(-1) ?? name);
  const folder = { kind: 'folder', sizeBytes: listingBytes, totalBytes: sizeBytes } as const;
  return { ...file, ...folder, fileName: input.as ?? own, ...(inside === undefined ? {} : { inside }) };
}

/** From another program it may be any text. @throws {PeerError} `usage`. */
function checkedPriority(priority: TransferPriority): TransferPriority {
  if (TRANSFER_PRIORITIES.includes(priority)) return priority;
  throw new PeerError({ code: 'usage', message: 'A priority is high, normal or low.' });
}

/** Changes what is given, or nothing, and says what holds. */
async function changeLimits(
  { transfer, at, remove, ...rates }: CommandInput<'limit'>,
  { downloads, limits }: CommandParts,
): Promise<CommandResult<'limit'>> {
  if (transfer !== undefined) {
    refuseTooSmall(rates.down);
    const transferId = chooseTransfer('limit', transfer, downloads.rows());
    const { name, limitBytesPerSecond: rate } = await downloads.setLimit(transferId, rates.down || undefined);
    return { ...limits.view(), download: { name, ...(rate === undefined ? {} : { limitBytesPerSecond: rate }) } };
  }
  if (at !== undefined || Object.keys(ratesIn(rates)).length > 0) await limits.change({ rates, at, remove });
  return limits.view();
}

async function listSources(
  { tracker, sources, isOwn }: CommandParts,
  input: CommandInput<'sources'>,
  options: CommandOptions,
): Promise<CommandResult<'sources'>> {
  const { publication } = await findPublication(input.selector, tracker, options);
  const found = await sources.sources(publication.publicationId, { ticket: false, signal: options.signal });
  const rows: SourceRow[] = found.sources
    .filter(({ device }) => !isOwn(device))
    .map(({ user, device, has, addresses }) => ({
      user,
      devicePin: `sha256:${device}`,
      has,
      addresses: addresses.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)),
    }));
  return { publication, sources: rows };
}

function mayStore(parts: PutParts | undefined): PutParts {
  if (parts !== undefined) return parts;
  throw new PeerError({
    code: 'not-found',
    message: `put needs a peer that serves. Start one with: ${ownCommand('serve')}`,
  });
}

function serving(links: LinkMaker | undefined): LinkMaker {
  if (links !== undefined) return links;
  throw new PeerError({
    code: 'not-found',
    message: `Links are served by a running peer. Start one with: ${ownCommand('serve')}`,
  });
}
