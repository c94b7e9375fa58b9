/**
 * The peer's program: everything after `shoal` that is not the tracker's. The one place of the peer, with `common/runtime/config.ts`,
 * that touches the process: its streams, its signals, its end. What a command does not need is not loaded for it.
 */
import { stat } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { systemClock } from '../common/runtime/clock.js';
import { currentHost } from '../common/runtime/host.js';
import { readPackageFile } from '../common/runtime/own-program.js';
import { PeerError } from './api.js';
import {
  type CliParts,
  type CliProcess,
  type IdentifyFile,
  type InterfaceOptions,
  Interruption,
} from './cli/context.js';
import { runCli } from './cli/run-cli.js';

/** A process that has said its last word and still does not end is ended. */
const LINGER_MS = 1_000;

/**
 * Runs `shoal ARGV…` (what stands after `shoal`) to its end. Resolves with the exit code; it does not end the process. `parts` replace
 * the real ones.
 */
export async function main(argv: readonly string[], parts: Partial<CliParts> = {}): Promise<number> {
  const controller = new AbortController();
  listenToSignals(controller, argv);
  process.stdout.on('error', () => controller.abort(new Interruption('EPIPE')));
  process.stderr.on('error', () => undefined); // nowhere left to say anything
  const code = await runCli(argv, cliProcess(controller.signal), { ...REAL_PARTS, ...parts });
  if ('unref' in process.stdin) process.stdin.unref(); // it must not keep the process; a file as input does not
  endSoon(code);
  return code;
}

/** The first signal asks the command to end, the second ends the process. */
function listenToSignals(controller: AbortController, argv: readonly string[]): void {
  // `nohup` has SIGHUP ignored, and a listener would undo that: a daemon keeps what it was started with.
  const signals: readonly NodeJS.Signals[] = argv.includes('serve')
    ? ['SIGINT', 'SIGTERM']
    : ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new Interruption(signal));
    });
  }
}

function endSoon(code: number): void {
  const timer = systemClock.setTimer(
    () => (process.stdout.writableLength > 0 ? endSoon(code) : process.exit(code)),
    LINGER_MS,
  );
  timer.unref();
}

function cliProcess(signal: AbortSignal): CliProcess {
  const { stdin, stdout, stderr } = process;
  return { host: currentHost(), version: packageVersion(), stdin, stdout, stderr, signal, clock: systemClock };
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readPackageFile('package.json'));
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return hasVersion ? String(manifest.version) : 'unknown';
}

const REAL_PARTS: CliParts = {
  startPeer: async (options) => {
    const { startPeer } = await import('./peer.js');
    keepHeapSmall();
    return startPeer(options);
  },
  contactTracker: async (host, port, options) =>
    (await import('./tracker-client/contact.js')).contactTracker(host, port, options),
  identifyFile,
  runInterface,
};

/**
 * Once everything is loaded, which is sooner done without: V8 lets the space for young objects grow while many short-lived buffers pass
 * through, as in every transfer, and keeps it. That cost 50 MB more for a file of 5 GiB than for one of 64 MiB and made nothing faster.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

async function identifyFile(
  path: string,
  { signal, onProgress }: Parameters<IdentifyFile>[1],
): ReturnType<IdentifyFile> {
  const [{ FileHasher }, { ContentError }, { contentProblem }] = await Promise.all([
    import('./library/hashing/hash-file.js'),
    import('../common/content/content-error.js'),
    import('./library/content-problem.js'),
  ]);
  await using hasher = new FileHasher();
  try {
    const sizeBytes = await sizeOf(path);
    const onBytes = (doneBytes: number): void => onProgress({ event: 'hashing', path, doneBytes, sizeBytes });
    const { fileId, size } = await hasher.hash(path, { signal, onProgress: onBytes });
    return { fileId, sizeBytes: size };
  } catch (error) {
    if (error instanceof ContentError) throw new PeerError(contentProblem(error), { cause: error });
    throw error;
  }
}

/** For the progress alone: what is wrong with the file, the hasher says. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

/** The screen on a terminal; anywhere else the same words line by line. */
async function runInterface({ host, ...options }: InterfaceOptions): Promise<number> {
  const { stdin, stdout } = process;
  const common = { ...options, cwd: host.cwd };
  if (stdin.isTTY && stdout.isTTY && host.env['TERM'] !== 'dumb') {
    const { runTui } = await import('./tui/run-tui.js');
    const onProcessExit = (restore: () => void): (() => void) => {
      process.once('exit', restore);
      return () => process.off('exit', restore);
    };
    return runTui({
      ...common,
      stdin,
      stdout,
      onProcessExit,
      env: { noColor: Boolean(host.env['NO_COLOR']), home: host.home },
    });
  }
  const { runPlain } = await import('./tui/run-plain.js');
  return runPlain({ ...common, home: host.home, input: stdin, write: (text) => void stdout.write(text) });
}
