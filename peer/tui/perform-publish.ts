/** Carries out the words that change what is published or stored: one outcome a path or name. */
import { basename } from 'node:path';
import { formatCount } from '../../common/content/format.js';
import {
  type DelOutcome,
  PeerError,
  type PeerErrorCode,
  type PublishInput,
  type PublishOutcome,
  type PutOutcome,
  type RightsOutcome,
  type Terms,
  type UnpublishOutcome,
} from '../api.js';
import { delEach, delOutcome, putOutcome, readersNote } from '../wording/depots.js';
import { type Layout, listingOf, paragraph, stackedLayouts } from '../wording/listing.js';
import {
  outcomesSummary,
  publishOutcome,
  renameOutcome,
  rightsOutcome,
  unpublishOutcome,
} from '../wording/outcomes.js';
import { withNewPasscode } from '../wording/passcode.js';
import type { Row } from '../wording/row.js';
import { termsOf } from '../wording/terms.js';
import { firstLine, type PerformContext, type Performed, told } from './performed.js';
import { publishPaths } from './publish-paths.js';
import type { Command } from './words.js';

type PublishWord = 'pub' | 'put' | 'unp' | 'del' | 'rights' | 'rename';

/** Does what `command` says. @throws what the peer throws. */
export async function performPublish(
  command: Command & { word: PublishWord },
  context: PerformContext,
  signal: AbortSignal,
): Promise<Performed> {
  const { peer, passcodes } = context;
  switch (command.word) {
    case 'pub': {
      const { outcomes } = await peer.call('pub', await publishInput(command, context, signal), { signal });
      return outcomesTold(outcomes.map(shortPath), publishOutcome, 'published');
    }
    case 'put':
      return put(command, context, signal);
    case 'unp': {
      const { outcomes } = await peer.call('unp', { selectors: command.selectors }, { signal });
      return outcomesTold(outcomes, unpublishOutcome, 'unpublished');
    }
    case 'del': {
      const run = (input: Parameters<typeof peer.call<'del'>>[1]) => peer.call('del', input, { signal });
      return outcomesTold(await delEach(command.selectors, { run, source: passcodes }), delOutcome, 'removed');
    }
    case 'rights': {
      const { selectors, rights } = command;
      const terms = await wishedTerms(command, context);
      const input = { selectors, ...(rights && { rights }), ...(terms && { terms }) };
      const { outcomes } = await peer.call('rights', input, { signal });
      return outcomesTold(outcomes, rightsOutcome, 'changed');
    }
    default: {
      const { word, ...input } = command;
      return told(paragraph(renameOutcome(await peer.call(word, input, { signal })), 'good'));
    }
  }
}

async function put(
  command: Command & { word: 'put' },
  context: PerformContext,
  signal: AbortSignal,
): Promise<Performed> {
  const { depots, copies, open } = command;
  const where = { ...(depots && { depots }), ...(copies !== undefined && { copies }), ...(open && { open }) };
  const input = { ...(await publishInput(command, context, signal)), ...where };
  const { outcomes } = await context.peer.call('put', input, { signal });
  const performed = outcomesTold(outcomes.map(shortPath), putOutcome, 'stored');
  const note = readersNote(outcomes);
  if (note === undefined) return performed;
  return { ...performed, layout: stackedLayouts([performed.layout, paragraph(`  ${note}`, 'faint')]) };
}

async function publishInput(
  command: Command & { word: 'pub' | 'put' },
  context: PerformContext,
  signal: AbortSignal,
): Promise<PublishInput> {
  const { cwd, home } = context;
  const paths = await publishPaths(command.paths, { cwd, home, signal });
  const named = command.as === undefined ? {} : { as: command.as };
  if (command.as !== undefined && paths.length > 1) {
    throw new PeerError({
      code: 'usage',
      message: `--as gives one name, but ${formatCount(paths.length, 'path')} match. Name one, or leave out --as.`,
    });
  }
  const terms = await wishedTerms(command, context);
  const rights = command.rights && { rights: command.rights };
  const watch = command.word === 'pub' && command.watch ? { watch: true } : {};
  return { paths, replace: command.replace, ...watch, ...named, ...rights, ...(terms && { terms }) };
}

function wishedTerms(
  { terms: { passcode, ...texts } = {} }: Command & { word: 'pub' | 'put' | 'rights' },
  { passcodes, clock }: PerformContext,
): Promise<Terms | undefined> {
  return withNewPasscode(termsOf(texts, clock.now()), passcode, passcodes);
}

type Outcome = PublishOutcome | UnpublishOutcome | RightsOutcome | PutOutcome | DelOutcome;

function shortPath<T extends PublishOutcome | PutOutcome>(outcome: T): T {
  return { ...outcome, path: basename(outcome.path) };
}

function outcomesTold<T extends Outcome>(outcomes: readonly T[], rowOf: (outcome: T) => Row, verb: string): Performed {
  const failed = outcomes.find(({ ok }) => !ok);
  const summary = outcomesSummary(outcomes, verb);
  const rows = outcomes.map((outcome): Layout => rowLayout(rowOf(outcome)));
  const layout = stackedLayouts(
    outcomes.length > 1 ? [...rows, paragraph(summary, failed === undefined ? 'good' : 'bad')] : rows,
  );
  return { layout, summary: outcomes.length === 1 ? firstLine(layout) : summary, ...failureOf(failed) };
}

function failureOf(failed: Outcome | undefined): {
  readonly failure?: PeerErrorCode;
} {
  return failed === undefined || failed.ok ? {} : { failure: failed.problem.code };
}

/** A row that is too long is wrapped in the tone of its last part, which tells whether it went well. */
function rowLayout(row: Row): Layout {
  const text = row.map((part) => part.text).join('');
  return (width) => (text.length <= width ? listingOf([row]) : paragraph(text, row.at(-1)?.tone)(width));
}
