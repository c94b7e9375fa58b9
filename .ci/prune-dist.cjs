// Before an incremental build: removes compiled files whose source is gone, which would run as tests for ever, and lets the
// compiler start afresh when something compiled is missing (it believes its own notes, not the folder).
const { existsSync, readdirSync, rmSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const dist = join(root, 'dist');
const notes = join(dist, '.tsbuildinfo');
const SOURCES = ['common', 'tracker', 'peer', 'test', 'bench', 'tools'];

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function hasSource(compiled) {
  const base = join(root, compiled.slice(dist.length).replace(/\.js(\.map)?$/, ''));
  return existsSync(`${base}.ts`) || existsSync(`${base}.tsx`);
}

const stale = SOURCES.flatMap((name) => filesBelow(join(dist, name))).filter((path) => !hasSource(path));
for (const path of stale) rmSync(path);

const sources = SOURCES.flatMap((name) => filesBelow(join(root, name)).filter((path) => /(?<!\.d)\.tsx?$/.test(path)));
const isIncomplete = sources.some((path) => !existsSync(join(dist, path.slice(root.length)).replace(/\.tsx?$/, '.js')));
if (isIncomplete) rmSync(notes, { force: true });
