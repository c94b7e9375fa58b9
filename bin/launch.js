// What both commands do before Shoal itself is loaded. It must be read by any Node from 12.20 on, so that an old one can be told
// what is missing: no syntax and no import here that is younger.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';

const OLDEST_MAJOR = 24;
const ALREADY_RESTARTED = '_SHOAL_RESTARTED';
// What the script was made of; modules of dist/ are told by the compiler's notes, which an installed package does not have.
const MADE_OF = ['dist/.tsbuildinfo', 'bin/programs.js', 'bin/loopback-tracker.js'];

export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** True when this Node can run Shoal. Otherwise `script` goes on in the package's own Node, or a message says what to do. */
export function isNodeReady(script) {
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_MAJOR) return true;
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const ownNode = join(packageRoot, 'node_modules', 'node', 'bin', name);
  if (process.env[ALREADY_RESTARTED] === undefined && existsSync(ownNode)) {
    restart(ownNode, script);
  } else {
    const found = process.versions.node;
    const missing = `Shoal needs Node ${OLDEST_MAJOR} or newer; this is ${found}, and there is none at ${ownNode}.`;
    fail(`${missing} Run npm ci in ${packageRoot}, which brings one along, or install Node 26.`);
  }
  return false;
}

/** True when the compiled programs are there; otherwise a message says how to make them. */
export function isBuilt() {
  const missing = ['tracker', 'peer'].map((name) => join(packageRoot, 'dist', name, 'main.js')).find(isMissing);
  if (missing !== undefined) fail(`Shoal is not built: ${missing} is missing. Run npm run build in ${packageRoot}.`);
  return missing === undefined;
}

function isMissing(path) {
  return !existsSync(path);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

/** The programs: from the script that `npm run build` made of them, which starts in half the time, or module by module. */
export async function loadPrograms() {
  hideSqliteWarning();
  const script = readScript();
  if (script === undefined) {
    keepCompiledCode();
    return import('./programs.js');
  }
  process.noDeprecation = true; // packages in it are no longer known as such, whose sins Node passes over
  return script('bin/programs.js', pathToFileURL(join(packageRoot, 'dist/')).href);
}

/** Undefined where it was made by another Node or before the last change, and for who looks into a program with options of Node. */
function readScript() {
  if (process.execArgv.length > 0 || process.env.NODE_OPTIONS || process.env.NODE_V8_COVERAGE) return undefined;
  const folder = join(packageRoot, 'dist', 'program');
  const cache = join(folder, `${cachedDataVersionTag()}.cache`);
  const madeAt = changedAt(cache);
  if (madeAt === 0 || MADE_OF.some((path) => changedAt(join(packageRoot, path)) > madeAt)) return undefined;
  const filename = join(folder, 'program.js');
  const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData: readFileSync(cache) });
  return script.cachedDataRejected ? undefined : script.runInThisContext();
}

function changedAt(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

/** For the next start. */
function keepCompiledCode() {
  if (nodeModule.enableCompileCache === undefined) return;
  try {
    // Node's default is a folder in /tmp that any local user could make first and fill with code of his own.
    const folder = cacheFolder();
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    nodeModule.enableCompileCache(folder);
  } catch (error) {
    if (error.code === undefined) throw error; // a home that cannot be written only costs start-up time
  }
}

function cacheFolder() {
  if (process.platform === 'win32') {
    return join(process.env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'Shoal', 'compiled');
  }
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'Shoal', 'compiled');
  const named = process.env.XDG_CACHE_HOME;
  return join(named !== undefined && named.startsWith('/') ? named : join(homedir(), '.cache'), 'shoal', 'compiled');
}

/** Keeps quiet about a module that is stable enough for us. */
function hideSqliteWarning() {
  const emitWarning = process.emitWarning;
  process.emitWarning = function filtered(warning, ...rest) {
    const text = String(warning);
    if (text.includes('SQLite is an experimental feature')) return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
}

/** Runs the same command in another Node: same terminal, signals passed on, same end. */
function restart(node, script) {
  const env = Object.assign({}, process.env, { [ALREADY_RESTARTED]: '1' });
  const child = spawn(node, [script, ...process.argv.slice(2)], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both: passed on as well it would count twice.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}. Run npm ci again.`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code;
    else endBy(signal);
  });
}

function endBy(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
