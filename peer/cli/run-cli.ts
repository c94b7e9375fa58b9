/**
 * The command line from its arguments to its exit code: parse, settle the configuration, run one command, say what failed. Commands
 * and the parts behind them are loaded when they are run: a command that attaches to a running peer pays for nothing else.
 */
import { join } from 'node:path';
import { loadPeerConfig } from '../../common/runtime/config.js';
import { nearestWord } from '../../common/runtime/nearest-word.js';
import { ConfigError } from '../../common/runtime/setting-value.js';
import { PeerError, type PeerProblem } from '../api.js';
import { createDoor, type Door, type DoorOptions } from '../door/door.js';
import { EXIT_DONE, EXIT_FAILED } from '../wording/exit-code.js';
import { problemOf } from '../wording/problem.js';
import { Ask } from './ask.js';
import {
  type CliParts,
  type CliProcess,
  type CliStream,
  type Command,
  type CommandContext,
  Interruption,
} from './context.js';
import { Output } from './output.js';
import { PEER_FLAGS, parseArguments } from './program.js';
import { ProgressLine } from './progress-line.js';
import { unknownWord } from './words.js';

type Options = Readonly<Record<string, unknown>>;

/** Runs `shoal ARGV…`; never rejects for what a user or a network can do. Returns the exit code. */
export async function runCli(argv: readonly string[], process: CliProcess, parts: CliParts): Promise<number> {
  const output = createOutput(process, hasJsonFlag(argv));
  try {
    return await run(argv, { process, parts, output });
  } catch (error) {
    return sayFailure(error, process.signal, output);
  }
}

type Surroundings = Pick<CommandContext, 'process' | 'parts' | 'output'>;

async function run(argv: readonly string[], around: Surroundings): Promise<number> {
  const parsed = parseArguments(argv, around.process.version);
  switch (parsed.kind) {
    case 'text':
      around.process.stdout.write(parsed.text);
      return EXIT_DONE;
    case 'problem':
      throw usage(parsed.message);
    case 'unknown':
      throw new PeerError(notAWord(parsed.words[0] ?? ''));
    case 'run':
      try {
        return await runWord(parsed.word, contextFor(parsed.args, parsed.options, around));
      } catch (error) {
        throw isUntoldEnd(error, around.process.signal) ? stoppedAt(parsed.word, error) : error;
      }
  }
}

async function runWord(word: string, context: CommandContext): Promise<number> {
  return word === 'tui' ? runInterface(context) : (await loadCommand(word))(context);
}

async function runInterface(context: CommandContext): Promise<number> {
  const { config, process, parts } = context;
  const [{ givenPassword, trackerOf }, { makeFolder }, { watchTracker }, { passcodeSource }] = await Promise.all([
    import('./open-peer.js'),
    import('./make-folder.js'),
    import('./tracker-watch.js'),
    import('./passcode.js'),
  ]);
  const downloads = config.downloads ?? join(process.host.home, 'Downloads', 'Shoal');
  await makeFolder(downloads);
  const door = context.openDoor({ downloads, savedSession: 'last' });
  const { onTrackerAway } = parts;
  return parts.runInterface({
    door: onTrackerAway === undefined ? door : watchTracker(door, onTrackerAway),
    tracker: trackerOf(context),
    user: config.user,
    password: await givenPassword(context),
    passcode: await passcodeSource(context).given(),
    trustOnFirstUse: config.trustOnFirstUse,
    downloads: config.downloads,
    signal: process.signal,
    host: process.host,
  });
}

async function loadCommand(word: string): Promise<Command> {
  const load = LOADERS.get(word);
  if (load === undefined) throw new Error(`no command for the word ${word}`);
  return load();
}

const LOADERS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['lpf', async () => (await import('./commands/lists.js')).lpf],
  ['lap', async () => (await import('./commands/lists.js')).lap],
  ['sch', async () => (await import('./commands/lists.js')).sch],
  ['list', async () => (await import('./commands/lists.js')).list],
  ['sources', async () => (await import('./commands/lists.js')).sources],
  ['save', async () => (await import('./commands/searches.js')).save],
  ['searches', async () => (await import('./commands/searches.js')).searches],
  ['unsave', async () => (await import('./commands/searches.js')).unsave],
  ['ls', async () => (await import('./commands/folder.js')).ls],
  ['dir', async () => (await import('./commands/folder.js')).dir],
  ['pub', async () => (await import('./commands/publish.js')).pub],
  ['rights', async () => (await import('./commands/publish.js')).rights],
  ['rename', async () => (await import('./commands/publish.js')).rename],
  ['unp', async () => (await import('./commands/publish.js')).unp],
  ['put', async () => (await import('./commands/depots.js')).put],
  ['del', async () => (await import('./commands/depots.js')).del],
  ['at-risk', async () => (await import('./commands/depots.js')).atRisk],
  ['get', async () => (await import('./commands/get.js')).get],
  ['link', async () => (await import('./commands/links.js')).link],
  ['links', async () => (await import('./commands/links.js')).links],
  ['unlink', async () => (await import('./commands/links.js')).unlink],
  ['id', async () => (await import('./commands/id.js')).id],
  ['status', async () => (await import('./commands/session.js')).status],
  ['whoami', async () => (await import('./commands/session.js')).whoami],
  ['login', async () => (await import('./commands/session.js')).login],
  ['logout', async () => (await import('./commands/session.js')).logout],
  ['xit', async () => (await import('./commands/session.js')).xit],
  ['cancel', async () => (await import('./commands/transfers.js')).cancel],
  ['pause', async () => (await import('./commands/transfers.js')).pause],
  ['resume', async () => (await import('./commands/transfers.js')).resume],
  ['retry', async () => (await import('./commands/transfers.js')).retry],
  ['priority', async () => (await import('./commands/transfers.js')).priority],
  ['admin', async () => (await import('./commands/admin.js')).admin],
  ['limit', async () => (await import('./commands/limit.js')).limit],
  ['serve', async () => (await import('./commands/serve.js')).serve],
  ['trust add', async () => (await import('./commands/trust.js')).trustAdd],
  ['trust list', async () => (await import('./commands/trust.js')).trustList],
  ['trust forget', async () => (await import('./commands/trust.js')).trustForget],
]);

function contextFor(
  args: readonly string[],
  options: Options,
  { process, parts, output }: Surroundings,
): CommandContext {
  if (options['password'] !== undefined) {
    throw usage(
      'A password is never an argument: other users of this machine can read those. Use --password-file FILE or SHOAL_PASSWORD.',
    );
  }
  const config = loadPeerConfig(options, process.host);
  const { stdin, stderr, signal } = process;
  const canAsk = stdin.isTTY === true && stderr.isTTY === true;
  return {
    args,
    options,
    config,
    process,
    parts,
    output,
    ...(canAsk ? { ask: new Ask(stdin, stderr, signal) } : {}),
    openDoor: (more = {}) => openDoor({ config, process, parts }, more),
  };
}

type DoorSettings = Pick<CommandContext, 'config' | 'process' | 'parts'>;

function openDoor({ config, process, parts }: DoorSettings, more: Partial<DoorOptions>): Door {
  return createDoor({
    dataDir: config.data,
    platform: process.host.platform,
    downloads: config.downloads ?? process.host.cwd,
    startPeer: parts.startPeer,
    contactTracker: parts.contactTracker,
    trustOnFirstUse: config.trustOnFirstUse,
    settings: config,
    clock: process.clock,
    ...more,
  });
}

function createOutput({ host, stdout, stderr, clock }: CliProcess, isJson: boolean): Output {
  const hasEscapes = (stream: CliStream): boolean => stream.isTTY === true && host.env['TERM'] !== 'dumb';
  const hasColour = (stream: CliStream): boolean => hasEscapes(stream) && !host.env['NO_COLOR'];
  return new Output({
    stdout,
    stderr,
    isJson,
    colour: { stdout: hasColour(stdout), stderr: hasColour(stderr) },
    now: () => clock.now(),
    ...(hasEscapes(stderr) && !isJson ? { progressLine: new ProgressLine(stderr, clock) } : {}),
  });
}

/** Looked for by hand, since a line that cannot be parsed is to be answered in JSON too. */
function hasJsonFlag(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json');
}

function notAWord(word: string): PeerProblem {
  if (!word.startsWith('-')) return unknownWord(word);
  const near = nearestWord(word, PEER_FLAGS);
  return usage(
    `There is no option ${JSON.stringify(word)}. ${near === undefined ? '' : `Did you mean ${near}? `}See shoal --help.`,
  ).problem;
}

function usage(message: string): PeerError {
  return new PeerError({ code: 'usage', message });
}

function sayFailure(error: unknown, signal: AbortSignal, output: Output): number {
  if (signal.aborted && signal.reason instanceof Interruption) return sayInterrupted(error, signal.reason, output);
  if (error instanceof PeerError) return output.problem(error.problem);
  if (error instanceof ConfigError) return output.problem({ code: 'bad-config', message: error.message });
  return output.problem(problemOf(error));
}

/** Interrupted, and nobody has said yet what became of the work. */
function isUntoldEnd(error: unknown, signal: AbortSignal): boolean {
  if (error instanceof PeerError) return error.code === 'interrupted' && error.message === '';
  return signal.reason instanceof Interruption;
}

function stoppedAt(word: string, cause: unknown): PeerError {
  const message = word === 'tui' ? '' : `Stopped before ${word} was done.`;
  return new PeerError({ code: 'interrupted', message }, { cause });
}

/** A reader that has gone (`| head`) is told nothing; a person who pressed Ctrl-C is told what became of the work. */
function sayInterrupted(error: unknown, { by }: Interruption, output: Output): number {
  if (by === 'EPIPE') return EXIT_FAILED;
  const isTold = error instanceof PeerError && error.code === 'interrupted';
  return output.problem({ code: 'interrupted', message: isTold ? error.message : '' });
}
