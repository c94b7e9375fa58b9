/** Carries a command out on a peer and words its outcome. The terminal screen and the plain lines of standard input both come here. */
import { listAtRisk } from '../wording/depots.js';
import { limitsLayout } from '../wording/limits.js';
import { linkEnded, linkMade, linkOnScreen, listLinks } from '../wording/links.js';
import { listingOf, paragraph, stackedLayouts } from '../wording/listing.js';
import { getDetails, getOutcome, transferOutcome, unlistedText } from '../wording/outcomes.js';
import { withPasscode } from '../wording/passcode.js';
import { listSources, listUsers } from '../wording/people.js';
import { problemLayout, problemOf } from '../wording/problem.js';
import { statusLayout } from '../wording/status.js';
import { performPublish } from './perform-publish.js';
import { performSearch } from './perform-search.js';
import { firstLine, type PerformContext, type Performed, told } from './performed.js';
import { helpLayout } from './word-help.js';
import type { Command } from './words.js';

/** Does what `command` says. Failures become a worded outcome; only a bug throws. `clear` and `xit` are the caller's. */
export async function perform(command: Command, context: PerformContext, signal: AbortSignal): Promise<Performed> {
  try {
    return await carryOut(command, context, signal);
  } catch (error) {
    const stopped = { code: 'interrupted' as const, message: `Stopped before ${command.word} was done.` };
    const problem = signal.aborted ? stopped : problemOf(error);
    const layout = problemLayout(problem, context.clock.now());
    return { layout, summary: firstLine(layout), failure: problem.code };
  }
}

async function carryOut(command: Command, context: PerformContext, signal: AbortSignal): Promise<Performed> {
  const { peer, clock } = context;
  const now = clock.now();
  switch (command.word) {
    case 'lap': {
      const result = await peer.call('lap', {}, { signal });
      return told((width) => listUsers(result, { width, now }));
    }
    case 'pub':
    case 'put':
    case 'unp':
    case 'del':
    case 'rights':
    case 'rename':
      return performPublish(command, context, signal);
    case 'at-risk': {
      const { publications } = await peer.call('atRisk', { all: command.all }, { signal });
      return { ...told((width) => listAtRisk(publications, { width, now })), found: publications };
    }
    case 'lpf':
    case 'sch':
    case 'list':
    case 'next':
    case 'save':
    case 'searches':
    case 'unsave':
    case 'ls':
    case 'dir':
      return performSearch(command, context, signal);
    case 'get':
      return get(command, context, signal);
    case 'sources': {
      const { publication, sources } = await peer.call('sources', { selector: command.selector }, { signal });
      return told((width) => listSources(publication, sources, { width }));
    }
    case 'link':
      return makeLink(command.selector, context, signal);
    case 'links':
      return told(listLinks((await peer.call('links', {}, { signal })).links, now));
    case 'unlink':
      return unlink(command.linkId, context, signal);
    case 'cancel':
    case 'pause':
    case 'resume':
    case 'retry':
    case 'priority': {
      const { word, ...input } = command;
      const { transfer } = await peer.call(word, input, { signal });
      return told(paragraph(transferOutcome(word, transfer)));
    }
    case 'limit':
      return told(limitsLayout(await peer.call('limit', command.input, { signal })));
    case 'status':
      return told(statusLayout(await peer.call('status', {}, { signal }), now));
    case 'h':
      return told(helpLayout(command.topic));
    case 'clear':
    case 'xit':
      return told(() => listingOf([]));
  }
}

async function unlink(linkId: string, { peer }: PerformContext, signal: AbortSignal): Promise<Performed> {
  const { link } = await peer.call('unlink', { linkId }, { signal });
  return told(paragraph(linkEnded(link), 'good'));
}

async function makeLink(selector: string, context: PerformContext, signal: AbortSignal): Promise<Performed> {
  const { link } = await context.peer.call('link', { selector }, { signal });
  const { user, tracker } = context.peer.state();
  return told(context.isScreen === true ? linkOnScreen(link, { user, tracker: tracker.address }) : linkMade(link));
}

async function get(
  command: Command & { word: 'get' },
  { peer, downloads, passcodes }: PerformContext,
  signal: AbortSignal,
): Promise<Performed> {
  const { word, ...wish } = command;
  const into = downloads === undefined ? {} : { directory: downloads };
  const result = await withPasscode(
    (passcode) => peer.call(word, { ...wish, ...into, ...(passcode && { passcode }) }, { signal }),
    { what: wish.selector, source: passcodes },
  );
  const text = getOutcome(result);
  const unlisted = unlistedText(result);
  return {
    layout: stackedLayouts([
      paragraph(text, 'good'),
      paragraph(`  ${getDetails(result)}`, 'faint'),
      ...(unlisted === undefined ? [] : [paragraph(`  ${unlisted}`, 'warning')]),
    ]),
    summary: text,
  };
}
