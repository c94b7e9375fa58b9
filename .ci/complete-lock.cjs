// Run after npm install has changed package-lock.json: adds the packages of other platforms that the registry at hand did not
// offer. Without them npm ci refuses the lock file as out of date, although this platform needs none of them. Such an entry has
// no integrity: nobody here has seen the content. npm fills it in where the package can be had. It also takes out which Node a package
// asks for: npm would compare that with the Node it runs on itself, and warn in vain, as all of this runs on the one that is locked.
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const LOCK = join(__dirname, '..', 'package-lock.json');
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

/** An entry for `name`, whose last parts say what it is for: `…-linux-arm64-musl`. */
function entryOf(name, version, parent) {
  const parts = name.split(/[-/]/);
  const systems = SYSTEMS.filter((system) => parts.includes(system));
  const processors = PROCESSORS.filter((processor) => parts.includes(processor));
  if (systems.length + processors.length === 0 || !/^\d/.test(version)) {
    throw new Error(`${name}@${version} is missing from the lock file and is no package of one platform`);
  }
  const isMusl = parts.some((part) => part.startsWith('musl'));
  const isGnu = parts.some((part) => part.startsWith('gnu'));
  return {
    version,
    ...(processors.length > 0 && { cpu: processors }),
    ...(parent.dev && { dev: true }),
    ...(isMusl && { libc: ['musl'] }),
    ...(isGnu && { libc: ['glibc'] }),
    optional: true,
    ...(systems.length > 0 && { os: systems }),
  };
}

const lock = JSON.parse(readFileSync(LOCK, 'utf8'));
const { packages } = lock;
const added = {};
for (const parent of Object.values(packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies || {})) {
    const isLocked = Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`));
    if (!isLocked) added[`node_modules/${name}`] = entryOf(name, version, parent);
  }
}
for (const [path, entry] of Object.entries(packages)) if (path !== '') delete entry.engines;
const sorted = Object.entries({ ...packages, ...added }).sort(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = Object.fromEntries(sorted);
writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${Object.keys(added).length} packages of other platforms added to package-lock.json\n`);
