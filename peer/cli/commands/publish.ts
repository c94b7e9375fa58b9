import { glob, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatCount } from '../../../common/content/format.js';
import {
  type CommandResult,
  type DelOutcome,
  type Peer,
  PeerError,
  type PeerProblem,
  type PublishInput,
  type PublishOutcome,
  type PutOutcome,
  type Rights,
  type RightsOutcome,
  type Terms,
  type UnpublishOutcome,
} from '../../api.js';
import { delOutcome, putOutcome } from '../../wording/depots.js';
import { publishOutcome, renameOutcome, rightsOutcome, unpublishOutcome } from '../../wording/outcomes.js';
import { withNewPasscode } from '../../wording/passcode.js';
import { rightsOf } from '../../wording/rights.js';
import type { Row } from '../../wording/row.js';
import { type TermsWish, termsOf } from '../../wording/terms.js';
import type { CommandContext } from '../context.js';
import { openPeer } from '../open-peer.js';
import { passcodeSource, passcodeWish } from '../passcode.js';
import { call, withPeer } from './one-shot.js';
import { untilEnded } from './serving.js';

/** Publishes through the running peer, or becomes the peer that serves what was published, until it is interrupted. */
export async function pub(context: CommandContext): Promise<number> {
  const input = await publishInput(context);
  const peer = await openPeer(context, { door: context.openDoor(), serving: true });
  try {
    const { outcomes } = await call(context, peer, 'pub', input);
    const code = sayOutcomes(context, 'pub', outcomes);
    const published = outcomes.filter(({ ok }) => ok).length;
    if (!peer.attached && published > 0) await stayForeground(context, peer, published);
    return code;
  } finally {
    await peer.close();
  }
}

/** Withdraws mine. */
export function unp(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const { outcomes } = await call(context, peer, 'unp', { selectors: context.args });
    return sayOutcomes(context, 'unp', outcomes);
  });
}

/** Changes who may fetch mine, and on which terms. */
export async function rights(context: CommandContext): Promise<number> {
  const wished = wishedRights(context);
  const terms = await wishedTerms(context);
  if (wished === undefined && terms === undefined)
    throw new PeerError({
      code: 'usage',
      message:
        'Say for whom: --public, --for USER,… or --for-group GROUP,…; or on which terms: --passcode, --expires, --times, --burn-after.',
    });
  return withPeer(context, async (peer) => {
    const input = { selectors: context.args, ...(wished && { rights: wished }), ...(terms && { terms }) };
    const { outcomes } = await call(context, peer, 'rights', input);
    return sayOutcomes(context, 'rights', outcomes);
  });
}

/** Gives one of mine another name. */
export function rename(context: CommandContext): Promise<number> {
  const [selector = '', name = ''] = context.args;
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'rename', { selector, name });
    context.output.lines([renameOutcome(result)]);
    context.output.result('rename', result);
    return 0;
  });
}

function wishedTerms(context: CommandContext): Promise<Terms | undefined> {
  const { options, process } = context;
  const text = (name: string) => (typeof options[name] === 'string' ? { [name]: options[name] } : {});
  const wish: TermsWish = { ...text('expires'), ...text('times'), ...text('burnAfter') };
  const terms = termsOf(wish, process.clock.now());
  return withNewPasscode(terms, passcodeWish(context), passcodeSource(context));
}

/** It may stand there for `get` alone; but whoever meant to lock a file must not learn from others that it is open. */
function noteUnusedPasscode(context: CommandContext): void {
  const { config, output } = context;
  const isGiven = config.passcode !== undefined || config.passcodeFile !== undefined;
  if (isGiven && passcodeWish(context) === undefined)
    output.note(
      'The passcode in SHOAL_PASSCODE or the settings locks nothing by itself. To lock this, add --passcode.',
    );
}

function wishedRights({ options }: CommandContext): Rights | undefined {
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return rightsOf({
    isPublic: options['public'] === true,
    users: text(options['for']),
    groups: text(options['forGroup']),
  });
}

type Outcomes = CommandResult<'pub' | 'unp' | 'rights' | 'put' | 'del'>['outcomes'];

/** Every outcome is said; the first failure decides how the command ends. */
export function sayOutcomes({ output }: CommandContext, word: string, outcomes: Outcomes): number {
  output.rows(outcomes.map((outcome) => rowOf(word, outcome)));
  const failure = outcomes.find(
    (outcome): outcome is typeof outcome & { readonly ok: false; readonly problem: PeerProblem } => !outcome.ok,
  );
  if (failure !== undefined)
    return output.problem(failure.problem, { more: { command: word, outcomes }, isTold: true });
  output.result(word, { outcomes });
  return 0;
}

function rowOf(word: string, outcome: Outcomes[number]): Row {
  if (word === 'put') return putOutcome(outcome as PutOutcome);
  if (word === 'del') return delOutcome(outcome as DelOutcome);
  if ('path' in outcome) return publishOutcome(outcome as PublishOutcome);
  return 'name' in outcome ? rightsOutcome(outcome as RightsOutcome) : unpublishOutcome(outcome as UnpublishOutcome);
}

async function stayForeground({ output, process }: CommandContext, peer: Peer, count: number): Promise<void> {
  output.note(
    `No peer of yours is running, so this command serves ${formatCount(count, 'file')} until it is interrupted (Ctrl-C).`,
  );
  await untilEnded(peer, process.signal);
}

export async function publishInput(context: CommandContext): Promise<PublishInput> {
  const { args, options, process } = context;
  const { as, replace, watch } = options;
  const rights = wishedRights(context);
  const terms = await wishedTerms(context);
  noteUnusedPasscode(context);
  const paths = (await Promise.all(args.map((path) => expandPath(path, process.host.cwd)))).flat();
  return {
    paths,
    ...(typeof as === 'string' ? { as } : {}),
    ...(replace === true ? { replace } : {}),
    ...(watch === true ? { watch } : {}),
    ...(rights ? { rights } : {}),
    ...(terms ? { terms } : {}),
  };
}

/** Absolute paths. A pattern that the shell left alone is expanded, unless a file has just that name. */
async function expandPath(path: string, cwd: string): Promise<string[]> {
  const absolute = resolve(cwd, path);
  if (!/[*?[{]/.test(path) || (await exists(absolute))) return [absolute];
  const found: string[] = [];
  for await (const match of glob(path, { cwd })) found.push(resolve(cwd, match));
  return found.length === 0 ? [absolute] : found.sort();
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false; // whatever is wrong with it, the peer says it better when it opens the path
  }
}
