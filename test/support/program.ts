// Starts the parts of Shoal as people do: real processes, real arguments, passwords never among them.
import type { Accounts } from './accounts.js';
import { writeCredentials } from './accounts.js';
import { type JsonEvent, parseEvents } from './output-lines.js';
import { type ProgramExit, type ProgramOptions, type RunningProgram, startProgram } from './running-program.js';
import type { Environment } from './shoal-command.js';
import { tempDir } from './temp.js';

export type { JsonEvent } from './output-lines.js';
export { type ProgramExit, type ProgramOptions, RunningProgram, startProgram } from './running-program.js';

const CLI_TIMEOUT_MS = 60_000;

export interface TrackerOptions extends ProgramOptions {
  /** Give a folder to start the same tracker again; default one that goes with the process. */
  readonly data?: string;
  /** Users with their passwords, or the path of a credentials file. */
  readonly credentials?: Accounts | string;
  readonly host?: string;
  readonly port?: number;
  readonly args?: readonly string[];
  /** Until it listens; a store of very many users takes longer. */
  readonly startMs?: number;
}

export interface TrackerHandle extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly pin: string;
  /** `HOST:PORT#PIN`, as `--tracker` takes it. */
  readonly address: string;
  readonly data: string;
  readonly process: RunningProgram;
}

/** Whose peer it is and where it keeps things: what `serve` and every command of that user have in common. */
export interface PeerOptions extends ProgramOptions {
  /** `HOST:PORT#PIN`, or a running tracker. */
  readonly tracker?: string | { readonly address: string };
  readonly user?: string;
  /** Handed over in the environment. */
  readonly password?: string;
  readonly passwordFile?: string;
  readonly data?: string;
  readonly downloads?: string;
  readonly port?: number;
  readonly advertise?: string;
}

export interface ServeOptions extends PeerOptions {
  readonly args?: readonly string[];
}

export interface ServeHandle extends AsyncDisposable {
  readonly user: string;
  readonly host: string;
  readonly port: number;
  readonly pin: string;
  readonly data: string;
  readonly downloads: string;
  readonly process: RunningProgram;
  /** Runs a command of the same user on the same data, so that it attaches to this peer. */
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
}

export interface CliOptions extends PeerOptions {
  /** Adds `--json`. */
  readonly json?: boolean;
  readonly timeoutMs?: number;
}

export interface CliResult extends ProgramExit {
  readonly stdout: string;
  readonly stderr: string;
  /** Empty unless `--json` was given. */
  readonly events: readonly JsonEvent[];
  /** The `result` or `error` event that ends every `--json` output. */
  readonly result: JsonEvent | undefined;
}

/** Starts a tracker on a free loopback port and waits until it listens. */
export async function startTracker(options: TrackerOptions = {}): Promise<TrackerHandle> {
  await using cleanUp = new AsyncDisposableStack();
  const home = cleanUp.use(await tempDir());
  const data = options.data ?? home.join('data');
  const credentials =
    typeof options.credentials === 'object'
      ? await writeCredentials(home.join('credentials.txt'), options.credentials)
      : options.credentials;
  const args = [
    'tracker',
    '--json',
    '--host',
    options.host ?? '127.0.0.1',
    '--port',
    String(options.port ?? 0),
    '--data',
    data,
  ];
  if (credentials !== undefined) args.push('--credentials', credentials);
  args.push(...(options.args ?? []));
  const process = cleanUp.use(await startProgram(args, { home: home.path, ...options }));
  const event = await process.waitForEvent('listening', { timeoutMs: options.startMs ?? 20_000 });
  const [host, port, pin] = [String(event['host']), Number(event['port']), String(event['pin'])];
  const owned = cleanUp.move();
  return {
    host,
    port,
    pin,
    address: `${host}:${port}#${pin}`,
    data,
    process,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts `shoal serve` and waits until it serves. Data and downloads go with the process unless folders are given. */
export async function startServe(options: ServeOptions): Promise<ServeHandle> {
  await using cleanUp = new AsyncDisposableStack();
  const home = cleanUp.use(await tempDir());
  const peer = { data: home.join('data'), downloads: home.join('downloads'), home: home.path, ...options };
  const args = withPeerOptions(['serve', '--json', ...(options.args ?? [])], { port: 0, ...peer });
  const process = cleanUp.use(await startProgram(args, { ...peer, env: peerEnvironment(peer) }));
  const event = await process.waitForEvent('serving', { timeoutMs: 20_000 });
  const owned = cleanUp.move();
  // Port and command line belong to the server alone; the working folder of a command is the caller's to choose.
  const { port: _port, advertise: _advertise, command, stdin: _stdin, cwd: _cwd, ...shared } = peer;
  return {
    user: String(event['user']),
    host: String(event['host']),
    port: Number(event['port']),
    pin: String(event['pin']),
    data: peer.data,
    downloads: peer.downloads,
    process,
    run: (words, more = {}) => runCli(words, { ...shared, ...(command === undefined ? {} : { command }), ...more }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * Runs one command to its end. A failing command is a result, not an error.
 * @throws {Error} when it does not end within `timeoutMs` (60 s), or breaks the form of `--json`.
 */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const words = withPeerOptions(options.json === true ? insertOptions(args, ['--json']) : args, options);
  await using program = await startProgram(words, { ...options, env: peerEnvironment(options) });
  const end = await program.waitForExit(options.timeoutMs ?? CLI_TIMEOUT_MS);
  const events = words.includes('--json') ? parseEvents(program.stdout) : [];
  const result = events.findLast(({ event }) => event === 'result' || event === 'error');
  return { ...end, stdout: program.stdoutText, stderr: program.stderrText, events, result };
}

/** The words of a command followed by the options that say whose peer it is. */
function withPeerOptions(args: readonly string[], options: PeerOptions): string[] {
  const { tracker } = options;
  const values: readonly (readonly [string, string | number | undefined])[] = [
    ['--tracker', typeof tracker === 'object' ? tracker.address : tracker],
    ['--user', options.user],
    ['--password-file', options.passwordFile],
    ['--data', options.data],
    ['--downloads', options.downloads],
    ['--port', options.port],
    ['--advertise', options.advertise],
  ];
  return insertOptions(
    args,
    values.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)])),
  );
}

/** The environment that hands over a password. */
function peerEnvironment(options: PeerOptions): Environment {
  return options.password === undefined ? { ...options.env } : { SHOAL_PASSWORD: options.password, ...options.env };
}

/** Options must stand before `--`, which makes everything after it a plain word. */
function insertOptions(args: readonly string[], options: readonly string[]): string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  return [...args.slice(0, end), ...options, ...args.slice(end)];
}
