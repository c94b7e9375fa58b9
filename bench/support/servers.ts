// Servers of competitors: started for one run, on loopback, on ports of their own, ended by their process.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';

import { listProcess } from '../../test/support/leftovers.js';
import { waitFor } from '../../test/support/wait-for.js';

const START_TIMEOUT_MS = 60_000;

export interface ServerOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Resolves when the server answers; looks again and again until then. */
  readonly isReady: (output: () => string) => boolean | Promise<boolean>;
}

export interface Server extends AsyncDisposable {
  readonly pid: number;
}

/** Starts a server that stays in the foreground and waits until it answers. @throws {Error} with its last words. */
export async function startServer(
  [file, ...args]: readonly [string, ...string[]],
  { cwd, env, isReady }: ServerOptions,
): Promise<Server> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(cwd && { cwd }), ...(env && { env }) });
  await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error as Error))]);
  const pid = child.pid ?? -1;
  child.once('exit', listProcess(pid, file));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000);
    });
  }
  const look = (): boolean | Promise<boolean> => {
    if (hasEnded(child)) throw new Error(`${file} ended at once: ${output.trim()}`);
    return isReady(() => output);
  };
  await waitFor(look, { what: `${file} to answer`, timeoutMs: START_TIMEOUT_MS });
  return { pid, [Symbol.asyncDispose]: () => ended(child) };
}

/** A TCP port of 127.0.0.1 that is free now, and free for UDP too. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  socket.close();
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether somebody listens on a TCP port of 127.0.0.1. */
export async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // refused: not yet
  } finally {
    socket.destroy();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 2_000);
  await exit;
  clearTimeout(timer);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
