// The tracker behind `npm start`: a process of its own on 127.0.0.1, shared by every terminal of this user, gone five minutes
// after the last session. Loaded on a new enough Node only.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const HOST = '127.0.0.1';
const IDLE = '5m';
const START_TIMEOUT_MS = 15_000;
const RIVAL_TIMEOUT_MS = 3_000;
const LOOK_EVERY_MS = 20;
const CONNECT_TIMEOUT_MS = 2_000;

/** `{ address }` as --tracker takes it, or `{ problem }` to be shown. `packageRoot` is undefined in the single executable file. */
export async function findOrStartTracker(packageRoot) {
  try {
    const runtime = await loadRuntime();
    const host = runtime.currentHost();
    const port =
      runtime.readDotEnvPort(packageRoot === undefined ? [] : [packageRoot], host) ?? runtime.DEFAULT_TRACKER_PORT;
    const data = join(runtime.stateFolder(host), 'loopback-tracker');
    await runtime.ensurePrivateDir(data);
    if (await isAnswering(port)) return await addressOf({ packageRoot, port, data });
    return await start({ packageRoot, port, data });
  } catch (error) {
    if (error.code === undefined || error.code.startsWith('ERR_')) throw error;
    return { problem: error.message };
  }
}

async function loadRuntime() {
  const modules = await Promise.all([
    import('../dist/common/runtime/dot-env.js'),
    import('../dist/common/runtime/files.js'),
    import('../dist/common/runtime/host.js'),
    import('../dist/common/runtime/settings.js'),
    import('../dist/common/runtime/state-folder.js'),
  ]);
  return Object.assign({}, ...modules);
}

/** With its pin when it is the tracker of `data`, so that nobody is asked whether to trust it. */
async function addressOf({ packageRoot, port, data }) {
  const { contactTracker } = await import('../dist/peer/tracker-client/contact.js');
  const again = packageRoot === undefined ? `${process.argv[1]} start` : 'npm start';
  let identity;
  try {
    identity = await contactTracker(HOST, port, { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  } catch {
    return {
      problem:
        `Port ${port} of this computer is in use by something that is no Shoal tracker. ` +
        `Stop it, or choose another port: PORT=${port + 1} ${again}`,
    };
  }
  const pin = withPrefix(identity.pin);
  const isOurs = pin === (await readPin(data));
  return { address: isOurs ? `${HOST}:${port}#${pin}` : `${HOST}:${port}` };
}

async function start({ packageRoot, port, data }) {
  const log = join(data, 'tracker.log');
  const child = await spawnTracker({ packageRoot, port, data, log });
  let endsAt = performance.now() + START_TIMEOUT_MS;
  let hasEnded = false;
  while (performance.now() < endsAt) {
    const listening = child.events().find(({ event }) => event === 'listening');
    if (listening !== undefined) return { address: `${HOST}:${listening.port}#${listening.pin}` };
    if (child.hasEnded() && !hasEnded) {
      // Another terminal may have been quicker: its tracker holds the data, and ours left.
      hasEnded = true;
      endsAt = Math.min(endsAt, performance.now() + RIVAL_TIMEOUT_MS);
    }
    if (hasEnded && (await isAnswering(port))) return addressOf({ packageRoot, port, data });
    await pause(LOOK_EVERY_MS);
  }
  if (!hasEnded) child.stop();
  const reason = hasEnded ? child.lastWords() : `It did not answer within ${START_TIMEOUT_MS / 1000} s.`;
  return { problem: `The tracker on this computer did not start. ${reason}\nMore is in ${log}.` };
}

/** Its output goes to a file, not to us: it must be able to write when this terminal is long gone. */
async function spawnTracker({ packageRoot, port, data, log }) {
  const credentials = await sampleAccounts(packageRoot, data);
  const options = ['--host', HOST, '--port', String(port), '--data', data, '--credentials', credentials];
  const shoal = packageRoot === undefined ? [] : [join(packageRoot, 'bin', 'shoal.js')];
  const words = [...shoal, 'tracker', '--json', '--exit-when-idle', IDLE, ...options];
  await using output = await open(log, 'a', 0o600);
  const { size } = await output.stat();
  const stdio = ['ignore', output.fd, output.fd];
  const child = spawn(process.execPath, words, { cwd: data, detached: true, windowsHide: true, stdio });
  child.on('error', (error) => appendFileSync(log, `${error.message}\n`));
  child.unref();
  const lines = () =>
    readFileSync(log)
      .subarray(size)
      .toString()
      .split('\n')
      .filter((line) => line !== '');
  return {
    events: () => lines().flatMap(parseEvent),
    lastWords: () => parseEvent(lines().at(-1) ?? '')[0]?.message ?? lines().at(-1) ?? '',
    hasEnded: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
    stop: () => child.kill(),
  };
}

/** The path of the file with the sample accounts; written first where it comes inside the executable. */
async function sampleAccounts(packageRoot, data) {
  if (packageRoot !== undefined) return join(packageRoot, 'credentials.txt');
  const { readPackageFile } = await import('../dist/common/runtime/own-program.js');
  const path = join(data, 'credentials.txt');
  await writeFile(path, readPackageFile('credentials.txt'), { mode: 0o600 });
  return path;
}

function parseEvent(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return []; // a line that is still being written, or people's text
  }
}

function isAnswering(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port, timeout: CONNECT_TIMEOUT_MS });
    const finish = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    socket.once('timeout', () => finish(true)); // it accepts nothing, but the port is taken
  });
}

async function readPin(data) {
  const text = await readFile(join(data, 'pin'), 'utf8').catch(() => '');
  return withPrefix(text.trim());
}

function withPrefix(pin) {
  return pin.startsWith('sha256:') ? pin : `sha256:${pin}`;
}
