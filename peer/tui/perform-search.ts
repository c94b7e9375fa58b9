/** Carries out what looks for publications, and what has to do with the download folder. */
import { resolve } from 'node:path';
import { PeerError, type SearchInput } from '../api.js';
import { folderListing, folderText } from '../wording/folder.js';
import { paragraph } from '../wording/listing.js';
import { published, searchOutcome, userNamed } from '../wording/publications.js';
import { searchWish } from '../wording/search-wish.js';
import { listSearches, searchEnded, searchSaved } from '../wording/searches.js';
import { expandHome } from './path-text.js';
import { type PerformContext, type Performed, told } from './performed.js';
import type { Command } from './words.js';

/** Pages are fetched up to so many rows; a longer list is asked for more narrowly. */
const MAX_ROWS = 10_000;
const PAGE_ROWS = 1_000;
/** A page may come back empty when the search ran out of time; so the pages are counted too. */
const MAX_PAGES = 40;

type Words = 'lpf' | 'sch' | 'list' | 'next' | 'save' | 'searches' | 'unsave' | 'ls' | 'dir';

export async function performSearch(
  command: Extract<Command, { word: Words }>,
  context: PerformContext,
  signal: AbortSignal,
): Promise<Performed> {
  const now = context.clock.now();
  switch (command.word) {
    case 'lpf':
      return publishedBy(command, context, signal);
    case 'sch':
    case 'list':
      return search(searchOf(command, now), context, signal);
    case 'ls':
      return told(folderListing(await context.peer.call('ls', {}, { signal }), now));
    case 'dir':
      return dir(command, context, signal);
    case 'save':
    case 'searches':
    case 'unsave':
      return savedSearches(command, context, signal);
    default:
      return next(context, signal);
  }
}

async function publishedBy(
  command: Command & { word: 'lpf' },
  { peer, clock }: PerformContext,
  signal: AbortSignal,
): Promise<Performed> {
  const user = command.user === undefined ? undefined : userNamed(command.user);
  const result = await peer.call('lpf', user === undefined ? {} : { user }, { signal });
  const layout = published(result, { user, now: clock.now() });
  return { ...told(layout), found: result.publications };
}

function searchOf(command: Command & { word: 'sch' | 'list' }, now: number): SearchInput {
  const filters = searchWish(command.filters ?? {}, now);
  if (command.word === 'list') return { text: '', all: command.all, mine: true, ...filters };
  return { text: command.text, ignoreCase: command.ignoreCase, all: command.all, ...filters };
}

async function search(
  wish: SearchInput,
  { peer, clock }: PerformContext,
  signal: AbortSignal,
  cursor?: string,
): Promise<Performed> {
  let page = await peer.call(
    'sch',
    { ...wish, limit: PAGE_ROWS, ...(cursor === undefined ? {} : { cursor }) },
    { signal },
  );
  const publications = [...page.publications];
  for (let pages = 1; page.cursor !== undefined && publications.length < MAX_ROWS && pages < MAX_PAGES; pages += 1) {
    page = await peer.call('sch', { ...wish, limit: PAGE_ROWS, cursor: page.cursor }, { signal });
    publications.push(...page.publications);
  }
  const more = page.cursor === undefined ? undefined : { wish, cursor: page.cursor };
  return { ...told(searchOutcome({ ...page, publications }, clock.now())), found: publications, more };
}

async function next(context: PerformContext, signal: AbortSignal): Promise<Performed> {
  if (context.more !== undefined) return search(context.more.wish, context, signal, context.more.cursor);
  throw new PeerError({ code: 'usage', message: 'There is no further page: the latest list was shown to its end.' });
}

async function savedSearches(
  command: Command & { word: 'save' | 'searches' | 'unsave' },
  { peer, clock, cwd, home }: PerformContext,
  signal: AbortSignal,
): Promise<Performed> {
  if (command.word === 'searches') {
    const { searches } = await peer.call('searches', {}, { signal });
    return told(listSearches(searches, clock.now()));
  }
  if (command.word === 'unsave') {
    const ended = await peer.call('unsave', { searchId: command.searchId }, { signal });
    return told(paragraph(searchEnded(ended.search), 'good'));
  }
  const { text, ignoreCase, filters = {}, into, untilUp = false } = command;
  const target = into === undefined ? {} : { into: resolve(cwd, expandHome(into, home)) };
  const wish = {
    text,
    ...(ignoreCase ? { ignoreCase } : {}),
    ...(untilUp ? { untilUp } : {}),
    ...searchWish(filters, clock.now()),
    ...target,
  };
  const saved = await peer.call('save', wish, { signal });
  return told(paragraph(searchSaved(saved.search, true), 'good'));
}

async function dir(
  { directory }: Command & { word: 'dir' },
  { peer, cwd, home, downloads }: PerformContext,
  signal: AbortSignal,
): Promise<Performed> {
  if (directory === undefined) {
    const result = await peer.call('dir', {}, { signal });
    return told(paragraph(folderText(downloads ?? result.directory)));
  }
  const result = await peer.call('dir', { directory: resolve(cwd, expandHome(directory, home)) }, { signal });
  return { ...told(paragraph(folderText(result.directory), 'good')), isFolderChanged: true };
}
