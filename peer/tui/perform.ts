/** Carries a command out on a peer and words its outcome. The terminal screen and the plain lines of standard input both come here. */
import { basename } from 'node:path';
import { formatCount } from '../../common/content/format.js';
import {
  PeerError,
  type PeerErrorCode,
  type PublishOutcome,
  type RightsOutcome,
  type Terms,
  type UnpublishOutcome,
} from '../api.js';
import { limitsLayout } from '../wording/limits.js';
import { linkEnded, linkMade, linkOnScreen, listLinks } from '../wording/links.js';
import { type Layout, listingOf, paragraph, stackedLayouts } from '../wording/listing.js';
import {
  getDetails,
  getOutcome,
  outcomesSummary,
  publishOutcome,
  renameOutcome,
  rightsOutcome,
  transferOutcome,
  unpublishOutcome,
} from '../wording/outcomes.js';
import { withNewPasscode, withPasscode } from '../wording/passcode.js';
import { listSources, listUsers } from '../wording/people.js';
import { problemLayout, problemOf } from '../wording/problem.js';
import type { Row } from '../wording/row.js';
import { statusLayout } from '../wording/status.js';
import { termsOf } from '../wording/terms.js';
import { performSearch } from './perform-search.js';
import { firstLine, type PerformContext, type Performed, told } from './performed.js';
import { publishPaths } from './publish-paths.js';
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
      const { users } = await peer.call('lap', {}, { signal });
      return told((width) => listUsers(users, { width, now }));
    }
    case 'pub':
      return publish(command, context, signal);
    case 'unp': {
      const { outcomes } = await peer.call('unp', { selectors: command.selectors }, { signal });
      return outcomesTold(outcomes, unpublishOutcome, 'unpublished');
    }
    case 'rights': {
      const { selectors, rights } = command;
      const terms = await wishedTerms(command, context);
      const input = { selectors, ...(rights && { rights }), ...(terms && { terms }) };
      const { outcomes } = await peer.call('rights', input, { signal });
      return outcomesTold(outcomes, rightsOutcome, 'changed');
    }
    case 'rename': {
      const { word, ...input } = command;
      return told(paragraph(renameOutcome(await peer.call(word, input, { signal })), 'good'));
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

async function publish(
  command: Command & { word: 'pub' },
  context: PerformContext,
  signal: AbortSignal,
): Promise<Performed> {
  const { peer, cwd, home } = context;
  const paths = await publishPaths(command.paths, { cwd, home, signal });
  const named = command.as === undefined ? {} : { as: command.as };
  if (command.as !== undefined && paths.length > 1) {
    throw new PeerError({
      code: 'usage',
      message: `--as gives one name, but ${formatCount(paths.length, 'file')} match.`,
    });
  }
  const terms = await wishedTerms(command, context);
  const rights = command.rights && { rights: command.rights };
  const input = { paths, replace: command.replace, ...named, ...rights, ...(terms && { terms }) };
  const { outcomes } = await peer.call('pub', input, { signal });
  return outcomesTold(outcomes.map(shortPath), publishOutcome, 'published');
}

function wishedTerms(
  { terms: { passcode, ...texts } = {} }: Command & { word: 'pub' | 'rights' },
  { passcodes, clock }: PerformContext,
): Promise<Terms | undefined> {
  return withNewPasscode(termsOf(texts, clock.now()), passcode, passcodes);
}

function shortPath(outcome: PublishOutcome): PublishOutcome {
  return { ...outcome, path: basename(outcome.path) };
}

function outcomesTold<T extends PublishOutcome | UnpublishOutcome | RightsOutcome>(
  outcomes: readonly T[],
  rowOf: (outcome: T) => Row,
  verb: string,
): Performed {
  const failed = outcomes.find(({ ok }) => !ok);
  const summary = outcomesSummary(outcomes, verb);
  const rows = outcomes.map((outcome): Layout => rowLayout(rowOf(outcome)));
  const layout = stackedLayouts(
    outcomes.length > 1 ? [...rows, paragraph(summary, failed === undefined ? 'good' : 'bad')] : rows,
  );
  return { layout, summary: outcomes.length === 1 ? firstLine(layout) : summary, ...failureOf(failed) };
}

function failureOf(failed: PublishOutcome | UnpublishOutcome | RightsOutcome | undefined): {
  readonly failure?: PeerErrorCode;
} {
  return failed === undefined || failed.ok ? {} : { failure: failed.problem.code };
}

/** A row that is too long is wrapped in the tone of its last part, which tells whether it went well. */
function rowLayout(row: Row): Layout {
  const text = row.map((part) => part.text).join('');
  return (width) => (text.length <= width ? listingOf([row]) : paragraph(text, row.at(-1)?.tone)(width));
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
  return {
    layout: stackedLayouts([paragraph(text, 'good'), paragraph(`  ${getDetails(result)}`, 'faint')]),
    summary: text,
  };
}
