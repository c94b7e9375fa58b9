/**
 * `npm run build:single [-- FOLDER]`: one executable file with all of Shoal and the Node that runs this script, for its platform.
 * The compiled program in dist/ becomes one script, which a warm-up runs once, so that the file also holds what V8 made of it.
 * What is special inside the file lies in tools/single-file/.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TOOLS = join(ROOT, 'tools', 'single-file');
const FOLDER = resolve(process.argv[2] ?? join(ROOT, 'dist', 'single'));
const OUTPUT = join(FOLDER, process.platform === 'win32' ? 'shoal.exe' : 'shoal');
const PARTS = join(FOLDER, 'parts');

/** Modules that are started by their name, each as a thread or a process of its own. */
const STARTED = 'dist/{common,peer,tracker}/**/*-{worker,thread,main}.js';

async function buildSingleFile(): Promise<void> {
  mkdirSync(PARTS, { recursive: true });
  writeFileSync(part('program.js'), await bundle());
  execFileSync(process.execPath, [join(ROOT, 'dist/tools/single-file/warm-up.js'), PARTS], { stdio: 'ignore' });
  writeFileSync(part('sea.json'), JSON.stringify(description()));
  execFileSync(process.execPath, [`--build-sea=${part('sea.json')}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(part('shoal'), OUTPUT); // an older one may be running
  rmSync(PARTS, { recursive: true });
  process.stdout.write(`${OUTPUT}\n`);
}

function part(name: string): string {
  return join(PARTS, name);
}

/** What Node is told to put into the file. */
function description(): object {
  const addOn = nativeAddOn();
  const digest = createHash('sha256').update(readFileSync(addOn)).digest('hex');
  return {
    main: join(TOOLS, 'boot.cjs'),
    executable: nodeBinary(),
    output: part('shoal'),
    disableExperimentalSEAWarning: true,
    execArgv: ['--no-deprecation'], // a bundled package is no longer known as one of others, whose sins Node passes over
    execArgvExtension: 'none', // NODE_OPTIONS is meant for other programs
    assets: {
      'boot.js': join(TOOLS, 'boot.cjs'),
      'program.js': part('program.js'),
      'program.cache': part('program.cache'),
      [`${digest}.node`]: addOn,
      'package.json': join(ROOT, 'package.json'),
      'credentials.txt': join(ROOT, 'credentials.txt'),
    },
  };
}

/** Without its symbols where the system can take them off: a fifth smaller, and twice as soon built. */
function nodeBinary(): string {
  if (process.platform !== 'linux') return process.execPath; // on macOS that would break its signature
  const stripped = spawnSync('strip', ['-o', part('node'), process.execPath], { stdio: 'ignore' });
  return stripped.status === 0 ? part('node') : process.execPath;
}

/** The binary that the package would load here. */
function nativeAddOn(): string {
  const require = createRequire(import.meta.url);
  require('@napi-rs/blake-hash');
  const path = Object.keys(require.cache).find((name) => name.endsWith('.node'));
  if (path === undefined) throw new Error('@napi-rs/blake-hash has no binary for this platform: run npm ci');
  return path;
}

/** All modules as one script: an asynchronous function of the name of the module that is to run. */
async function bundle(): Promise<string> {
  const names = [...globSync(STARTED, { cwd: ROOT }), 'tools/single-file/main.js'];
  const lines = names.map((name) => `${JSON.stringify(urlOf(name))}: () => import('./${name}'),`);
  const { outputFiles } = await build({
    stdin: { contents: `await ({\n${lines.join('\n')}\n})[part]();`, resolveDir: ROOT },
    bundle: true,
    write: false,
    format: 'esm', // the only one in which modules may wait for something while they load
    platform: 'node',
    target: 'esnext',
    define: {
      'process.env.NODE_ENV': '"production"',
      'import.meta.url': '"shoal:/"',
      'import.meta.resolve': 'undefined', // Ink looks with it for a package of its developers
    },
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120, // an uncaught error shows its line
    legalComments: 'none',
    plugins: [builtIns, ownNames, replacements],
  });
  const [{ text } = { text: '' }] = outputFiles;
  return `(async (part) => {'use strict';${text}})`;
}

/** The name of a module inside the file, the same as its compiled path below dist/. */
function urlOf(path: string): string {
  return `shoal:/${path.replaceAll('\\', '/').replace(/^dist\//, '')}`;
}

/** Gives our modules their names, by which they find their threads. */
const ownNames: Plugin = {
  name: 'own names',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]dist[\\/](common|peer|tracker)[\\/].*\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const name = JSON.stringify(urlOf(relative(ROOT, path)));
      return { contents: source.replaceAll('import.meta.url', name), loader: 'js' };
    });
  },
};

/** Loads each of Node's modules when the first module that uses it runs: a script has no imports, and some take milliseconds. */
const builtIns: Plugin = {
  name: 'built-in modules',
  setup({ onResolve, onLoad }) {
    const names = builtinModules.filter((name) => !name.startsWith('node:')).join('|');
    onResolve({ filter: new RegExp(`^(node:.*|${names})$`) }, ({ path, kind }) => ({
      path,
      namespace: kind === 'require-call' ? 'required' : 'imported',
    }));
    onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
    onLoad({ filter: /.*/, namespace: 'imported' }, ({ path }) => ({ contents: asModule(path) }));
  },
};

/** Its exports as calls that may be left out where nobody imports them. */
function asModule(path: string): string {
  const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => /^[A-Za-z]\w*$/.test(name));
  const lines = names
    .filter((name) => name !== 'default')
    .map((name) => `const _${name} = /* @__PURE__ */ get('${name}'); export { _${name} as ${name} };`);
  return `const all = process.getBuiltinModule(${JSON.stringify(path)});\nconst get = (name) => all[name];\nexport default all;\n${lines.join('\n')}`;
}

const replacements: Plugin = {
  name: 'replacements',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@napi-rs\/blake-hash$/ }, () => ({
      path: join(ROOT, 'dist/tools/single-file/native-hash.js'),
    }));
    // Ink loads it when it is developed itself.
    onResolve({ filter: /^react-devtools-core$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    onLoad({ filter: /.*/, namespace: 'absent' }, () => ({ contents: '' }));
  },
};

await buildSingleFile();
