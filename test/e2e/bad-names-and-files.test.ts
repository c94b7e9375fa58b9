import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { CliResult, ServeHandle } from '../support/program.js';
import { errorCodeOf, expectOneLine } from './json-results.js';
import { type RawSession, randomFileId } from './raw-session.js';
import { inShell } from './shell.js';
import { World } from './world.js';

/** Names that would leave a folder, drive a terminal, or pass for another name. */
const HOSTILE_NAMES = [
  '',
  '.',
  '..',
  '../up',
  'a/b',
  '/etc/passwd',
  'a\\b',
  '..\\..\\x',
  'nul\0byte',
  'bell\x07',
  '\x1b[2Jclear',
  '\x9b31m',
  'line\nbreak',
  '\r',
  '\u202etxt.exe',
  'zero\u200bwidth',
  ' lead',
  'trail ',
  'e\u0301',
  '\ud800',
  'x'.repeat(256),
  '\u2028',
  '\ufeffbom',
  '\u{e0001}tag',
];

describe('bad names and files', () => {
  let world: World;
  let alice: ServeHandle;
  let cwd: string;
  let goodId: string;
  let observer: RawSession;

  before(async () => {
    world = await World.open();
    alice = await world.serve('alice');
    goodId = await world.publish('alice', await world.file('alice', 'good.bin', 1000));
    observer = await world.rawSession('bob');
    cwd = world.path('cwd');
    await mkdir(cwd);
  });

  after(async () => {
    observer[Symbol.dispose]();
    await world.end();
  });

  /** Everything is alive and does its work. */
  afterEach(async () => {
    expect(world.tracker.process.ended).to.equal(undefined);
    expect(alice.process.ended).to.equal(undefined);
    const found = await observer.request('search', { text: 'good.bin' });
    expect(found).to.have.nested.property('publications[0].sources', 1);
  });

  describe('names', () => {
    it(`refuses ${HOSTILE_NAMES.length} hostile names at the tracker, one by one and in bulk, and lists none of them`, async () => {
      using session = await world.rawSession('bob');

      const codes = new Set<string>();
      for (const name of HOSTILE_NAMES) {
        const reply = await session.request('publish', {
          entries: [{ name, fileId: randomFileId(), size: 1, kind: 'file' }],
        });
        const result = reply.ok ? reply.results[0] : { ok: false as const, error: reply.error };
        codes.add(result?.ok === false ? result.error.code : `accepted ${JSON.stringify(name)}`);
      }
      const listed = await session.request('listPublished', {});

      expect([...codes].toSorted()).to.deep.equal(['bad-message', 'bad-name']);
      expect(listed.ok && listed.publications).to.deep.equal([]);
    });

    it('refuses to publish a file with a hostile name, without showing it raw', async () => {
      const name = 'esc\x1b[31mred\u202e.bin';
      const path = join(world.place('alice').files, name);
      await writeFile(path, 'x');

      const done = await world.cli('alice', ['pub', path], { json: false });

      expect(done.code).to.equal(1);
      expect(done.stdout + done.stderr)
        .to.match(/Name not allowed/)
        .and.not.to.match(/[\x1b\u202e]/);
    });

    it('never leaves the download folder: --as with a path is refused', async () => {
      for (const as of ['../out.bin', '/tmp/out.bin', 'a/b', '..', '']) {
        const done = await world.cli('bob', ['get', 'good.bin', '--as', as, '--downloads', cwd], { json: false });
        expect(done.code, `--as ${JSON.stringify(as)}: ${done.stdout}`).to.be.oneOf([1, 2]);
        expectOneLine(done.stderr);
      }
      expect(await readdir(cwd)).to.deep.equal([]);
      expect(await readdir(world.path())).not.to.include('out.bin');
    });
  });

  describe('files', () => {
    it('says what is wrong with each path that cannot be published', async () => {
      const { files } = world.place('alice');
      const at = (name: string): string => join(files, name);
      await inShell('mkfifo pipe; ln -s good.bin link.bin; ln -s nowhere dangling; ln -s loop loop', files);

      const missing = await plain(['pub', at('missing')]);
      const pipe = await plain(['pub', at('pipe')]);
      const dangling = await plain(['pub', at('dangling')]);
      const loop = await plain(['pub', at('loop')]);
      const device = await plain(['pub', '/dev/zero']);

      expect(missing.stdout + missing.stderr).to.match(/File not found/);
      for (const done of [missing, pipe, dangling, loop, device]) {
        expect(done.code).to.be.oneOf([1, 4]);
        expectOneLine(done.stdout + done.stderr);
      }
    });

    it('says so when a file cannot be read', async () => {
      const path = await world.file('alice', 'secret.bin', 10);
      await chmod(path, 0);
      // Root reads everything: then only the wording of another unreadable thing can be seen.
      const isRoot = process.getuid?.() === 0;

      const done = await plain(['pub', isRoot ? '/proc/1/mem' : path]);
      await chmod(path, 0o600);

      expect(done.code).to.equal(1);
      expectOneLine(done.stdout + done.stderr);
    });

    it('says so when the download folder is a file, or cannot be made', async () => {
      await writeFile(join(cwd, 'not-a-folder'), 'x');

      const file = await world.cli('bob', ['get', 'good.bin'], { downloads: join(cwd, 'not-a-folder') });
      const below = await world.cli('bob', ['get', 'good.bin'], { downloads: join(cwd, 'not-a-folder', 'deeper') });

      expect([errorCodeOf(file), errorCodeOf(below)]).to.deep.equal(['unwritable', 'unwritable']);
      expectOneLine(file.stderr);
      expect(await readFile(join(cwd, 'not-a-folder'), 'utf8')).to.equal('x');
    });

    it('does not write through what stands in the place of the target: link, dangling link, folder, FIFO', async () => {
      const into = world.path('targets');
      await mkdir(join(into, 'd.bin'), { recursive: true });
      await writeFile(world.path('canary'), 'canary');
      await symlink(world.path('canary'), join(into, 'l.bin'));
      await symlink(world.path('nothing-here'), join(into, 'n.bin'));
      await inShell('mkfifo p.bin', into);

      for (const as of ['l.bin', 'n.bin', 'd.bin', 'p.bin']) {
        const done = await world.cli('bob', ['get', 'good.bin', '--as', as], { downloads: into });
        expect([done.code, errorCodeOf(done)], as).to.deep.equal([1, 'exists']);
      }
      expect(await readFile(world.path('canary'), 'utf8')).to.equal('canary');
      expect(await readdir(world.path())).not.to.include('nothing-here');
    });

    it('does not follow a link that stands in the place of the unfinished file', async () => {
      const into = world.path('parts');
      await mkdir(into);
      await writeFile(world.path('canary-2'), 'canary');
      await symlink(world.path('canary-2'), join(into, `.good.bin.${goodId.slice(0, 16)}.part`));

      const done = await world.cli('bob', ['get', 'good.bin'], { downloads: into });

      expect(await readFile(world.path('canary-2'), 'utf8')).to.equal('canary');
      expect(done.code, done.stderr).to.be.oneOf([0, 1]);
    });

    it('refuses what the disk has no room for before it fetches, and with a full disk stays whole', async function () {
      const small = world.path('small');
      await mkdir(small);
      const mounted = await inShell(`mount -t tmpfs -o size=1m tmpfs ${small}`, '/');
      if (mounted.code !== 0) return this.skip(); // only root may mount
      try {
        await world.publish('alice', await world.file('alice', 'two-mib.bin', 2 * 1024 * 1024));

        const done = await world.cli('bob', ['get', 'two-mib.bin'], { downloads: small });

        expect([done.code, errorCodeOf(done)]).to.deep.equal([1, 'disk-full']);
        expectOneLine(done.stderr);
        expect((await readdir(small)).filter((name) => !name.endsWith('.part'))).to.deep.equal([]);
      } finally {
        await inShell(`umount ${small}`, '/');
      }
    });
  });

  function plain(args: readonly string[]): Promise<CliResult> {
    return world.cli('alice', args, { json: false });
  }
});
