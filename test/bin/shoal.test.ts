import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';

import { expect } from 'chai';

import { type TempDir, tempDir } from '../support/temp.js';
import { AS_NODE_20, StandInPackage } from './stand-in-package.js';

/** Says which program it is, what it was told and by which Node it runs. */
function teller(name: string): string {
  return `export async function main(argv) {
    process.stdout.write(JSON.stringify([${JSON.stringify(name)}, argv, process.versions.node.split('.')[0] >= 24]));
    return 7;
  }`;
}

const SLEEPER = `export function main() {
  process.on('SIGTERM', () => { process.stdout.write(' term'); process.exit(9); });
  process.stdout.write('up');
  return new Promise(() => setInterval(() => {}, 1000));
}`;

describe('bin/shoal.js', () => {
  let dir: TempDir;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(async () => {
    await dir[Symbol.asyncDispose]();
  });

  async function addOwnNode(): Promise<void> {
    await mkdir(dir.join('node_modules/node/bin'), { recursive: true });
    symlinkSync(process.execPath, dir.join('node_modules/node/bin/node'));
  }

  for (const words of [['tracker', '--json'], ['user', 'add', 'x'], ['group', 'list'], ['admin']]) {
    it(`gives "${words.join(' ')}" to the tracker's program, with its exit code`, async () => {
      const stand = await StandInPackage.create(dir, { peer: teller('peer'), tracker: teller('tracker') });

      const { code, stdout } = await stand.run('shoal.js', words);

      expect(JSON.parse(stdout)).to.deep.equal(['tracker', words, true]);
      expect(code).to.equal(7);
    });
  }

  it('says so where the current folder was removed', async () => {
    await StandInPackage.create(dir, { peer: teller('peer'), tracker: teller('tracker') });
    const line = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" lap';
    const words = ['-c', line, process.execPath, dir.join('bin', 'shoal.js')];

    const { status, stdout, stderr } = spawnSync('sh', words, { cwd: dir.path, encoding: 'utf8' });

    expect([status, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.match(/^The folder you are in is not there any more\. .*\n$/);
  });

  it("asks the tracker's program for the help on its words", async () => {
    const stand = await StandInPackage.create(dir, { peer: teller('peer'), tracker: teller('tracker') });

    const { stdout } = await stand.run('shoal.js', ['help', 'user', 'add']);

    expect(JSON.parse(stdout)).to.deep.equal(['tracker', ['user', 'add', '--help'], true]);
  });

  for (const words of [[], ['get', 'tracker'], ['--json', 'lap'], ['help', 'get']]) {
    it(`gives "${words.join(' ')}" to the peer's program`, async () => {
      const stand = await StandInPackage.create(dir, { peer: teller('peer'), tracker: teller('tracker') });

      const { stdout } = await stand.run('shoal.js', words);

      expect(JSON.parse(stdout)).to.deep.equal(['peer', words, true]);
    });
  }

  describe('with the programs as one script', () => {
    let stand: StandInPackage;

    beforeEach(async () => {
      const main = teller('a module');
      stand = await StandInPackage.create(dir, { peer: main, tracker: main });
      const source = `(async () => ({ runShoal: async (words) => { process.stdout.write('script ' + words); return 7; } }))`;
      await stand.addFile('dist/program/program.js', source);
      await stand.addFile(`dist/program/${cachedDataVersionTag()}.cache`, new Script(source).createCachedData());
      touch('bin', -60);
      touch('dist/.tsbuildinfo', -60);
    });

    /** As if changed so many seconds after now. */
    function touch(path: string, seconds: number): void {
      const time = Date.now() / 1_000 + seconds;
      const full = dir.join(path);
      const names = path === 'bin' ? readdirSync(full).map((name) => `${full}/${name}`) : [full];
      writeFileSync(dir.join('dist/.tsbuildinfo'), '{}', { flag: 'a' });
      for (const name of names) utimesSync(name, time, time);
    }

    it('starts from it, with the same words and exit code', async () => {
      const { code, stdout, stderr } = await stand.run('shoal.js', ['get', 'x']);

      expect([code, stdout, stderr]).to.deep.equal([7, 'script get,x', '']);
    });

    for (const changed of ['dist/.tsbuildinfo', 'bin']) {
      it(`starts from the modules when ${changed} is younger than it`, async () => {
        touch(changed, 60);

        const { stdout } = await stand.run('shoal.js', []);

        expect(stdout).to.contain('a module');
      });
    }

    it('starts from the modules when it was made by another Node, or does not belong to what V8 kept', async () => {
      await stand.addFile('dist/program/program.js', '(async () => ({ runShoal: () => 1 }))');
      const { stdout: withOther } = await stand.run('shoal.js', []);
      await rm(dir.join(`dist/program/${cachedDataVersionTag()}.cache`));
      const { stdout: withNone } = await stand.run('shoal.js', []);

      expect([withOther, withNone]).to.deep.equal(Array(2).fill(JSON.stringify(['a module', [], true])));
    });

    it('starts from the modules for who gives options to Node, to see them run', async () => {
      const { stdout } = await stand.run('shoal.js', [], { nodeOptions: ['data:text/javascript,'] });

      expect(stdout).to.contain('a module');
    });
  });

  it('says how to build when nothing is built', async () => {
    const stand = await StandInPackage.create(dir, {});

    const { code, stderr } = await stand.run('shoal.js', ['lap']);

    expect(code).to.equal(1);
    expect(stderr).to.contain('not built').and.contain('npm run build').and.not.contain('    at ');
  });

  it('tells an old Node what is needed when the package has none of its own', async () => {
    const stand = await StandInPackage.create(dir, { peer: teller('peer'), tracker: teller('tracker') });

    const { code, stdout, stderr } = await stand.run('shoal.js', [], { nodeOptions: [AS_NODE_20] });

    expect(stderr).to.equal(
      `Shoal needs Node 24 or newer; this is 20.1.0, and there is none at ${dir.join('node_modules/node/bin/node')}. ` +
        `Run npm ci in ${dir.path}, which brings one along, or install Node 26.\n`,
    );
    expect([code, stdout]).to.deep.equal([1, '']);
  });

  it("goes on in the package's own Node when started by an old one, with the same words and exit code", async () => {
    const stand = await StandInPackage.create(dir, { peer: teller('peer'), tracker: teller('tracker') });
    await addOwnNode();

    const { code, stdout } = await stand.run('shoal.js', ['get', 'a b'], { nodeOptions: [AS_NODE_20] });

    expect(JSON.parse(stdout)).to.deep.equal(['peer', ['get', 'a b'], true]);
    expect(code).to.equal(7);
  });

  it('passes a signal on to the Node it went on in', async () => {
    const stand = await StandInPackage.create(dir, { peer: SLEEPER, tracker: SLEEPER });
    await addOwnNode();

    const { code, stdout } = await stand.run('shoal.js', [], {
      nodeOptions: [AS_NODE_20],
      onOutput: (kill) => kill('SIGTERM'),
    });

    expect([code, stdout]).to.deep.equal([9, 'up term']);
  });

  it('ends by the signal that ended the Node it went on in', async () => {
    const source = `export function main() { process.kill(process.pid, 'SIGKILL'); return new Promise(() => {}); }`;
    const stand = await StandInPackage.create(dir, { peer: source, tracker: source });
    await addOwnNode();

    const { signal } = await stand.run('shoal.js', [], { nodeOptions: [AS_NODE_20] });

    expect(signal).to.equal('SIGKILL');
  });

  it('shows a failure of the program itself, with exit code 1', async () => {
    const source = `export async function main() { throw new Error('a bug'); }`;
    const stand = await StandInPackage.create(dir, { peer: source, tracker: source });

    const { code, stderr } = await stand.run('shoal.js', []);

    expect(code).to.equal(1);
    expect(stderr).to.contain('a bug');
  });

  it('hides the warning about SQLite and no other', async () => {
    const source = `export async function main() {
      process.emitWarning('SQLite is an experimental feature and might change at any time', 'ExperimentalWarning');
      process.emitWarning('the moon is full');
      return 0;
    }`;
    const stand = await StandInPackage.create(dir, { peer: source, tracker: source });

    const { stderr } = await stand.run('shoal.js', []);

    expect(stderr).to.contain('the moon is full').and.not.contain('SQLite');
  });

  it('keeps compiled code where no other user can put some', async () => {
    const stand = await StandInPackage.create(dir, { peer: teller('peer'), tracker: teller('tracker') });

    await stand.run('shoal.js', []);

    const cache = dir.join('home/.cache/shoal/compiled');
    expect(readdirSync(cache)).to.not.be.empty;
    expect(statSync(cache).mode & 0o077).to.equal(0);
  });
});
