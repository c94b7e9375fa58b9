import { chmod, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readTree, writeTree } from '../download/folder-fixture.js';
import { runCli } from '../support/program.js';
import { seededBytes, sha256File } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { errorCodeOf } from './json-results.js';
import { inWorld, type World } from './world.js';

const MIB = 1024 * 1024;

describe('a depot between real processes', function () {
  this.timeout(60_000);

  it(
    'keeps what was put when its owner is gone, for those alone who may fetch it, until it is removed',
    inWorld({ users: ['alice', 'bob', 'carol', 'archive'] }, async (world) => {
      await appoint(world, 'archive');
      await world.serve('archive', { args: ['--depot', '64M'] });
      const path = await world.file('alice', 'plan.bin', 2 * MIB + 1);

      const unnamed = await world.cli('alice', ['put', path, '--for', 'bob']);
      const put = await world.cli('alice', ['put', path, '--for', 'bob', '--to', 'archive']);
      await noteContent(world, 'plan.bin', path);
      const got = await world.cli('bob', ['get', 'plan.bin']);
      const missed = await world.cli('carol', ['get', 'plan.bin']);
      const read = await world.cli('archive', ['get', 'plan.bin']);
      const refused = await world.cli('bob', ['del', 'plan.bin']);
      const removed = await world.cli('alice', ['del', 'plan.bin']);

      expect(errorCodeOf(unnamed)).to.equal('no-depot');
      expect(put.code, put.stderr).to.equal(0);
      expect(put.result).to.have.nested.property('outcomes[0].depots').that.deep.equals(['archive']);
      expect(got.code, got.stderr).to.equal(0);
      expect([errorCodeOf(missed), errorCodeOf(read)]).to.deep.equal(['not-found', 'not-found']);
      expect([refused.code, removed.code]).to.deep.equal([3, 0]);
      const gone = await world.cli('bob', ['get', 'plan.bin', '--as', 'again.bin']);
      expect(errorCodeOf(gone)).to.equal('not-found');
      await waitFor(async () => (await stored(world, 'archive')).length === 0, { what: 'the copy to be removed' });
    }),
  );

  it(
    'that is killed in the middle goes on where it was, and put still ends well',
    inWorld({ users: ['alice', 'bob', 'archive'], ram: true }, async (world) => {
      await appoint(world, 'archive');
      const depot = ['--depot', '1G'];
      const first = await world.serve('archive', { args: depot });
      await world.serve('alice', { args: ['--upload-limit', '16M'] });
      const path = await world.file('alice', 'big.bin', 32 * MIB);

      const put = await world.start('alice', ['put', path]);
      await waitFor(async () => (await fetched(world, 'archive')) > 4 * MIB, { what: 'a part of it to be there' });
      await first.process.stop('SIGKILL');
      await world.serve('archive', { args: depot });
      const { code } = await put.waitForExit(30_000);
      await noteContent(world, 'big.bin', path);

      expect(code, put.describe()).to.equal(0);
      const again = await world.cli('archive', ['status']);
      expect(again.result)
        .to.have.nested.property('downloads[0].resumedBytes')
        .that.is.greaterThan(3 * MIB);
      await world.cli('alice', ['xit']);
      const got = await world.cli('bob', ['get', 'big.bin']);
      expect(got.code, got.stderr).to.equal(0);
    }),
  );

  it(
    'takes folders: the whole and each path are there with the owner gone, a new content replaces the old, del removes it',
    inWorld({ users: ['alice', 'bob', 'archive'] }, async (world) => {
      await appoint(world, 'archive');
      await world.serve('archive', { args: ['--depot', '64M'] });
      const root = world.path('alice-folder/project');
      const notes = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`notes/${n}.txt`, `note ${n}`]));
      await writeTree(root, { ...notes, 'data/large.bin': seededBytes(MIB + 7, 3), 'run.sh': '#!/bin/sh' });
      await chmod(join(root, 'run.sh'), 0o755);
      const downloads = world.path('bob-folder');

      const put = await world.cli('alice', ['put', root]);
      const got = await world.cli('bob', ['get', 'project'], { downloads });
      const one = await world.cli('bob', ['get', '@alice/project/notes/7.txt'], { downloads });
      const first = await readTree(join(downloads, 'project'));
      const expected = await readTree(root);
      const risk = await world.cli('alice', ['at-risk']);
      await writeTree(root, { 'notes/7.txt': 'another note' });
      const again = await world.cli('alice', ['put', root]);
      const updated = await world.cli('bob', ['get', 'project', '--force'], { downloads });

      for (const done of [put, got, one, again, updated]) expect(done.code, done.stderr).to.equal(0);
      expect(put.result).to.have.nested.property('outcomes[0].publication.files', 52);
      expect(first).to.deep.equal(expected);
      expect(await readFile(join(downloads, '7.txt'), 'utf8')).to.equal('note 7');
      expect(risk.result).to.have.property('publications').that.deep.equals([]);
      expect(again.result).to.have.nested.property('outcomes[0].publication.revision', 2);
      expect(await readTree(join(downloads, 'project'))).to.deep.equal(await readTree(root));

      expect((await world.cli('alice', ['del', 'project'])).code).to.equal(0);
      await waitFor(async () => (await stored(world, 'archive')).length === 0, { what: 'the folder to be removed' });
      const gone = await world.cli('bob', ['get', 'project', '--as', 'more'], { downloads });
      expect(errorCodeOf(gone)).to.equal('not-found');
    }),
  );

  it(
    'that has no room says so before a byte moves, and nothing is left of the try',
    inWorld({ users: ['alice', 'archive'] }, async (world) => {
      await appoint(world, 'archive');
      await world.serve('archive', { args: ['--depot', '1M'] });

      const put = await world.cli('alice', ['put', await world.file('alice', 'big.bin', 2 * MIB)]);
      const status = await world.cli('archive', ['status']);
      const listed = await world.cli('alice', ['lpf']);

      expect([put.code, errorCodeOf(put)]).to.deep.equal([1, 'depot-full']);
      expect(status.result).to.have.property('downloads').that.deep.equals([]);
      expect(listed.result).to.have.property('publications').that.deep.equals([]);
    }),
  );

  it(
    'runs inside the tracker with --depot, and what was put --open anybody may remove',
    inWorld({ trackerArgs: ['--depot', 'own-depot', '--depot-size', '64M'] }, async (world) => {
      const path = await world.file('alice', 'open.bin', 3 * MIB);

      const put = await world.cli('alice', ['put', path, '--open'], { json: false });
      await noteContent(world, 'open.bin', path);
      const got = await world.cli('bob', ['get', 'open.bin']);
      const risk = await world.cli('alice', ['at-risk'], { json: false });
      const removed = await world.cli('bob', ['del', 'open.bin'], { json: false });
      const listed = await world.cli('bob', ['list', '--all']);
      await world.serve('alice');
      const revived = await world.cli('alice', ['lpf']);

      expect(put.stdout).to.match(/^open\.bin stored at depot {2}3\.0 MiB/);
      expect(put.stderr).to.contain('Whoever runs depot can read it');
      expect(got.code, got.stderr).to.equal(0);
      expect(risk.stdout).to.contain('No files at risk');
      expect(removed.stdout).to.contain('open.bin removed');
      for (const { result } of [listed, revived]) expect(result).to.have.property('publications').that.deep.equals([]);
    }),
  );
});

async function appoint(world: World, user: string): Promise<void> {
  const done = await runCli(['user', 'appoint', user, '--data', world.path('tracker')]);
  expect(done.code, done.stderr).to.equal(0);
}

async function noteContent(world: World, name: string, path: string): Promise<void> {
  world.noteContent(name, await sha256File(path));
}

/** Files below the depot's folder, `.part` ones too, with their bytes on the disk. */
async function stored(world: World, user: string): Promise<number[]> {
  const entries = await readdir(world.place(user).data, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /[\\/]depot[\\/]files[\\/]/.test(`${entry.parentPath}/`));
  const content = files.filter(({ name }) => !/\.lock(\.pid)?$/.test(name));
  return Promise.all(content.map(async (file) => (await stat(join(file.parentPath, file.name))).blocks * 512));
}

async function fetched(world: World, user: string): Promise<number> {
  return (await stored(world, user)).reduce((sum, bytes) => sum + bytes, 0);
}
