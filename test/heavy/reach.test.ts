import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readTree, writeTree } from '../download/folder-fixture.js';
import { transferOf } from '../e2e/json-results.js';
import { inWorld, passwordOf, sharedEnvironment } from '../e2e/world.js';
import type { CliResult } from '../support/program.js';
import { runCli, startServe, startTracker } from '../support/program.js';
import { type Command, shoalCommand } from '../support/shoal-command.js';
import { sameBytes, seededBytes, tempDir, writeRandomFile } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const MIB = 1024 * 1024;

interface Source {
  readonly user: string;
  readonly via?: string;
}

function sourcesOf({ result }: CliResult): string[] {
  const { transfer } = result as unknown as { transfer: { sources: Source[] } };
  return transfer.sources.map(({ user, via }) => `${user} ${via}`);
}

describe('a relayed download', function () {
  this.timeout(120_000);

  it(
    'goes on by itself after the tracker was killed, and after the source was',
    inWorld({ users: ['alice', 'bob'], ram: true }, async (world) => {
      const size = 24 * MIB;
      // Nobody reaches it: the tracker sees this machine at 127.0.0.1.
      const hidden = { args: ['--host', '127.0.0.2', '--upload-limit', String(4 * MIB)] };
      const alice = await world.serve('alice', hidden);
      const path = await world.file('alice', 'film.bin', size);
      await world.publish('alice', path);
      const get = await world.start('bob', ['get', 'film.bin']);
      const done = (bytes: number): Promise<unknown> =>
        waitFor(() => [...get.stdoutText.matchAll(/"doneBytes":(\d+)/g)].some(([, found]) => Number(found) > bytes), {
          timeoutMs: 30_000,
        });

      await done(size / 6);
      await world.killTracker();
      await world.startTracker();
      await done(size / 2);
      alice.process.kill('SIGKILL');
      await alice.process.exit;
      await world.serve('alice', hidden);
      const end = await get.waitForExit(60_000);

      expect(end.code, get.describe()).to.equal(0);
      expect(get.stdoutText.trimEnd().split('\n').at(-1)).to.contain('"via":"relayed"');
      expect(await sameBytes(path, `${world.place('bob').downloads}/film.bin`)).to.equal(true);
    }),
  );
});

describe('a peer that nobody can dial', function () {
  this.timeout(120_000);

  it(
    'puts files into a depot, and gives whole folders to one that nobody can dial either',
    inWorld({ users: ['alice', 'bob', 'archive'] }, async (world) => {
      const appointed = await runCli(['user', 'appoint', 'archive', '--data', world.path('tracker')]);
      expect(appointed.code, appointed.stderr).to.equal(0);
      await world.serve('archive', { args: ['--depot', '64M'] });
      await world.serve('alice', { args: ['--host', '127.0.0.2'] });
      const folder = join(world.place('alice').files, 'photos');
      const small = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${index}.txt`, `photo ${index}`]));
      const tree = { ...small, 'large.bin': seededBytes(3 * MIB, 1) };
      await writeTree(folder, tree);
      const published = await world.cli('alice', ['pub', folder]);

      const put = await world.cli('alice', ['put', await world.file('alice', 'plan.bin', 2 * MIB)]);
      const got = await world.cli('bob', ['get', 'photos'], { downloads: world.path('elsewhere') });

      for (const { code, stderr } of [published, put, got]) expect(code, stderr).to.equal(0);
      expect(put.result).to.have.nested.property('outcomes[0].depots').that.deep.equals(['archive']);
      expect(sourcesOf(got)).to.deep.equal(['alice relayed']);
      expect(await readTree(join(world.path('elsewhere'), 'photos'))).to.deep.equal(await readTree(folder));
    }),
  );
});

/** Three machines: the tracker's, and two that reach it and not one another. */
class Networks implements Disposable {
  readonly #names: string[] = [];

  /** Undefined where this system lets nobody make networks: only root may. */
  static make(): Networks | undefined {
    const networks = new Networks();
    if (networks.#tryTo()) return networks;
    networks[Symbol.dispose]();
    return undefined;
  }

  command(name: 'tracker' | 'left' | 'right'): Command {
    return ['ip', 'netns', 'exec', nameOf(name), ...shoalCommand()];
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) run('netns', 'del', name);
  }

  #tryTo(): boolean {
    for (const name of ['tracker', 'left', 'right']) {
      if (!run('netns', 'add', nameOf(name))) return false;
      this.#names.push(nameOf(name));
      if (!run('-n', nameOf(name), 'link', 'set', 'lo', 'up')) return false;
    }
    return this.#join('left', '10.77.1') && this.#join('right', '10.77.2');
  }

  /** The tracker's machine is the router of both, and forwards nothing. */
  #join(name: string, net: string): boolean {
    const [here, there] = [nameOf('tracker'), nameOf(name)];
    return (
      run('-n', here, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', there) &&
      run('-n', here, 'addr', 'add', `${net}.1/24`, 'dev', name) &&
      run('-n', here, 'link', 'set', name, 'up') &&
      run('-n', there, 'addr', 'add', `${net}.2/24`, 'dev', 'eth0') &&
      run('-n', there, 'link', 'set', 'eth0', 'up') &&
      run('-n', there, 'route', 'add', 'default', 'via', `${net}.1`) &&
      run('netns', 'exec', here, 'sysctl', '-qw', 'net.ipv4.ip_forward=0')
    );
  }
}

const nameOf = (name: string): string => `shoal-${process.pid}-${name}`;
const run = (...args: string[]): boolean => spawnSync('ip', args).status === 0;

describe('two peers without a route between them', function () {
  this.timeout(120_000);

  it('exchange a file through the tracker, without any setting', async function () {
    using networks = Networks.make();
    if (networks === undefined) this.skip(); // only root may make networks
    await using dir = await tempDir();
    const env = await sharedEnvironment();
    const users = { alice: passwordOf('alice'), bob: passwordOf('bob') };
    const command = networks.command('tracker');
    await using tracker = await startTracker({ host: '0.0.0.0', credentials: users, command, env });
    const at = (net: string): string => `${net}.1:${tracker.port}#${tracker.pin}`;
    const person = async (user: 'alice' | 'bob', machine: 'left' | 'right', net: string) => {
      const place = { data: dir.join(user, 'data'), home: dir.join(user), downloads: dir.join(user, 'downloads') };
      await mkdir(place.downloads, { recursive: true });
      return { user, password: users[user], tracker: at(net), command: networks.command(machine), env, ...place };
    };
    const [left, right] = [await person('alice', 'left', '10.77.1'), await person('bob', 'right', '10.77.2')];
    await using alice = await startServe(left);
    await using _bob = await startServe(right);
    const path = dir.join('film.bin');
    await writeRandomFile(path, 8 * MIB, 1);
    const published = await alice.run(['pub', path], { command: left.command });
    expect(published.code, published.stderr).to.equal(0);

    const got = await runCli(['get', 'film.bin'], { ...right, json: true });

    expect(got.code, got.stderr).to.equal(0);
    expect(transferOf(got).receivedBytes).to.equal(8 * MIB);
    expect(sourcesOf(got)).to.deep.equal(['alice relayed']);
    expect(await sameBytes(path, `${right.downloads}/film.bin`)).to.equal(true);
  });
});
