/**
 * All of Shoal as one script with what V8 made of it: read at once and hardly compiled any more, it starts in half the time that
 * hundreds of modules take. `npm run build` puts it into dist/program/ for bin/launch.js, tools/single-file.ts into an executable.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Modules that are started by their name: programs, threads and processes of their own. */
const STARTED = [
  'dist/{common,peer,tracker}/**/*-{worker,thread,main}.js',
  'bin/programs.js',
  'tools/single-file/main.js',
];

/** The folder of a package, one inside another too. */
const PACKAGE = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;

/**
 * Writes `program.js` and `program.cache` into `folder`. The script is an asynchronous function of the path of the module that is to
 * run, below dist/ or the project, and of the URL of dist/, from which the modules make their own. It resolves with the exports.
 * Returns the folders of the npm packages that are in it.
 */
export async function makeScript(folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const { script, packages } = await bundle();
  writeFileSync(join(folder, 'program.js'), script);
  execFileSync(process.execPath, [join(ROOT, 'dist/tools/one-script/warm-up.js'), folder], { stdio: 'ignore' });
  return packages;
}

async function bundle(): Promise<{ readonly script: string; readonly packages: string[] }> {
  const paths = globSync(STARTED, { cwd: ROOT }).map((path) => path.replaceAll('\\', '/'));
  const lines = paths.map((path) => `${JSON.stringify(belowDist(path))}: () => import('./${path}'),`);
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    metafile: true,
    stdin: { contents: `__loaded = await ({\n${lines.join('\n')}\n})[__part]();`, resolveDir: ROOT },
    bundle: true,
    write: false,
    format: 'esm', // the only one in which modules may wait for something while they load
    platform: 'node',
    target: 'esnext',
    define: {
      'process.env.NODE_ENV': '"production"',
      'import.meta.url': '__base',
      'import.meta.resolve': 'undefined', // Ink looks with it for a package of its developers
    },
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120, // an uncaught error shows its line
    legalComments: 'none',
    plugins: [builtIns, ownNames, replacements],
  });
  const [{ text } = { text: '' }] = outputFiles;
  const packages = Object.keys(metafile.inputs).flatMap((path) => PACKAGE.exec(path)?.[0] ?? []);
  return {
    script: `(async (__part, __base) => {'use strict';let __loaded;${text};return __loaded;})`,
    packages: [...new Set(packages)].map((path) => join(ROOT, path)),
  };
}

function belowDist(path: string): string {
  return path.replace(/^dist\//, '');
}

/** Gives our modules their URLs, by which they find their threads. */
const ownNames: Plugin = {
  name: 'own names',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]dist[\\/](common|peer|tools|tracker)[\\/].*\.js$/ }, ({ path }) => {
      const name = JSON.stringify(belowDist(relative(ROOT, path).replaceAll('\\', '/')));
      return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', `(__base + ${name})`), loader: 'js' };
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
  const all = `process.getBuiltinModule(${JSON.stringify(path)})`;
  return `const all = ${all};\nconst get = (name) => all[name];\nexport default all;\n${lines.join('\n')}`;
}

const replacements: Plugin = {
  name: 'replacements',
  setup({ onResolve, onLoad }) {
    const nativeHash = join(ROOT, 'dist/tools/one-script/native-hash.js');
    onResolve({ filter: /^@napi-rs\/blake-hash$/ }, () => ({ path: nativeHash }));
    onResolve({ filter: /^hash-wasm$/ }, () => ({ path: join(ROOT, 'node_modules/hash-wasm/dist/blake3.umd.min.js') }));
    // Ink loads it when it is developed itself; of the languages of Zod's errors Shoal knows one.
    onResolve({ filter: /^react-devtools-core$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    onResolve({ filter: /locales\/index\.js$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    onLoad({ filter: /.*/, namespace: 'absent' }, () => ({ contents: '' }));
  },
};
