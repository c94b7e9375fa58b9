// The terminal interface with a scripted peer, as a program of its own for a real terminal: `fake-program.js JSON`.
import { ReadStream, WriteStream } from 'node:tty';
import { runPlain } from '../../peer/tui/run-plain.js';
import { runTui } from '../../peer/tui/run-tui.js';
import { FakeDoor, type FakeScript } from './fake-peer.js';

export interface FakeProgramOptions extends FakeScript {
  readonly tracker?: string;
  readonly user?: string;
  readonly typedPassword?: string;
  /** Throws outside everything, so many ms after the start. */
  readonly crashAfterMs?: number;
  /** Sends a notice so many times, as fast as it can. */
  readonly noticeStorm?: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as FakeProgramOptions;
const controller = new AbortController();
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.on(signal, () => controller.abort());
if (options.crashAfterMs !== undefined) {
  setTimeout(() => {
    throw new Error('crashed on purpose');
  }, options.crashAfterMs);
}

const door = new FakeDoor(options);
if (options.noticeStorm !== undefined) storm(options.noticeStorm);
const common = {
  door,
  tracker: options.tracker,
  user: options.user,
  password: options.typedPassword,
  downloads: '/downloads',
  cwd: process.cwd(),
  signal: controller.signal,
};
const env = { noColor: (process.env['NO_COLOR'] ?? '') !== '', home: process.env['HOME'] };
const { stdin, stdout } = process;
process.exitCode =
  stdin instanceof ReadStream && stdout instanceof WriteStream
    ? await runTui({ ...common, stdin, stdout, env, onProcessExit })
    : await runPlain({ ...common, home: env.home, input: stdin, write: (text) => void stdout.write(text) });

function onProcessExit(restore: () => void): () => void {
  process.once('exit', restore);
  return () => process.off('exit', restore);
}

function storm(left: number): void {
  door.peer?.notice(`notice ${left}`);
  setTimeout(() => storm(door.peer === undefined ? left : left - 1), left > 0 ? 1 : 3_600_000).unref();
}
