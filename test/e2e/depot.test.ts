import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TransferRow } from '../../peer/api.js';
import { readTree, writeTree } from '../download/folder-fixture.js';
import { isRunning } from '../support/proc.js';
import { type CliResult, runCli } from '../support/program.js';
import { seededBytes, sha256File } from '../support/temp.js';
import type { Terminal } from '../support/terminal.js';
import { waitFor } from '../support/wait-for.js';
import { errorCodeOf, publicationsOf, resultOf } from './json-results.js';
import { enter, openUserTerminal, say } from './terminal-users.js';
import { inWorld, type World } from './world.js';

const MIB = 1024 * 1024;

describe('a depot between real processes', () => {
  it(
    'keeps what was put when its owner is gone, for those alone who may fetch it, until it is replaced, and removed',
    inWorld({ users: ['alice', 'bob', 'carol', 'archive'] }, async (world) => {
      await appoint(world, 'archive');
      await world.serve('archive', { args: ['--depot', '64M'] });
      const path = await world.file('alice', 'plan.bin', 2 * MIB + 1);

      const put = await world.cli('alice', ['put', path, '--for', 'bob', '--to', 'archive']);
      await noteContent(world, 'plan.bin', path);
      const got = await world.cli('bob', ['get', 'plan.bin']);
      const missed = await world.cli('carol', ['get', 'plan.bin']);
      const refused = await world.cli('bob', ['del', 'plan.bin']);
      await world.file('alice', 'plan.bin', MIB, 2);
      const replaced = await world.cli('alice', ['put', path]);
      world.noteContent('next.bin', await sha256File(path));
      const next = await world.cli('bob', ['get', 'plan.bin', '--as', 'next.bin']);
      const removed = await world.cli('alice', ['del', 'plan.bin']);

      expect(put.code, put.stderr).to.equal(0);
      expect(put.result).to.have.nested.property('outcomes[0].depots').that.deep.equals(['archive']);
      expect(got.code, got.stderr).to.equal(0);
      expect(errorCodeOf(missed)).to.equal('not-found');
      expect([refused.code, replaced.code, next.code, removed.code]).to.deep.equal([3, 0, 0, 0]);
      expect(replaced.result).to.have.nested.property('outcomes[0].publication.revision', 2);
      const gone = await world.cli('bob', ['get', 'plan.bin', '--as', 'again.bin']);
      expect(errorCodeOf(gone)).to.equal('not-found');
      await waitFor(async () => (await stored(world, 'archive')).length === 0, { what: 'the copy to be removed' });
    }),
  );

  it(
    'goes on where it was when it is killed in the middle, and when its owner is, and put ends well',
    inWorld({ users: ['alice', 'bob', 'archive'], ram: true }, async (world) => {
      await appoint(world, 'archive');
      const depot = ['--depot', '1G'];
      const first = await world.serve('archive', { args: depot });
      const owner = await world.serve('alice', { args: ['--upload-limit', '16M'] });
      const path = await world.file('alice', 'big.bin', 32 * MIB);

      const put = await world.start('alice', ['put', path]);
      await waitFor(async () => (await fetched(world, 'archive')) > 4 * MIB, { what: 'a part of it to be there' });
      await first.process.stop('SIGKILL');
      await world.serve('archive', { args: depot });
      await waitFor(async () => (await fetched(world, 'archive')) > 12 * MIB, { what: 'more of it to be there' });
      expect(await isRunning(put.pid), 'put waits while the depot is away').to.equal(true);
      await owner.process.stop('SIGKILL');
      await put.waitForExit(30_000);
      await world.serve('alice');
      const again = await world.cli('alice', ['put', path]);
      await noteContent(world, 'big.bin', path);

      expect(again.code, again.stderr).to.equal(0);
      const status = await world.cli('archive', ['status']);
      const [transfer] = resultOf<{ downloads: TransferRow[] }>(status).downloads;
      expect(transfer?.resumedBytes).to.be.greaterThan(3 * MIB);
      expect(transfer!.resumedBytes + transfer!.receivedBytes, 'nothing came twice').to.be.below(34 * MIB);
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
    'shares copies out among several depots, from many at once; beyond a quota or its room it says so before a byte moves',
    inWorld(
      { users: ['alice', 'bob', 'carol', 'archive', 'backup'], trackerArgs: ['--put-quota', '5M'] },
      async (world) => {
        for (const user of ['archive', 'backup']) await appoint(world, user);
        for (const user of ['archive', 'backup', 'carol']) await world.serve(user, { args: ['--depot', '8M'] });
        const names = ['a.bin', 'b.bin', 'c.bin'];
        const files = await Promise.all(names.map((name, index) => world.file('alice', name, MIB, index)));
        const both = await world.file('bob', 'both.bin', 2 * MIB, 7);

        const [spread, twice] = await Promise.all([
          world.cli('alice', ['put', ...files]),
          world.cli('bob', ['put', both, '--copies', '2']),
        ]);
        const unappointed = await world.cli('alice', ['put', files[0]!, '--to', 'carol']);
        const listed = publicationsOf(await world.cli('carol', ['list']));
        const beyond = await world.cli('bob', ['put', await world.file('bob', 'more.bin', 2 * MIB, 8)]);
        const tooLarge = await world.cli('alice', ['put', await world.file('alice', 'big.bin', 9 * MIB)]);
        const left = publicationsOf(await world.cli('alice', ['lpf']));
        const risk = publicationsOf(await world.cli('alice', ['at-risk', '--all']));

        for (const done of [spread, twice]) expect(done.code, done.stderr).to.equal(0);
        expect([...new Set(depotsOf(spread))].sort()).to.deep.equal(['archive', 'backup']);
        expect(depotsOf(twice)).to.deep.equal(['archive', 'backup']);
        expect(errorCodeOf(unappointed)).to.equal('no-depot');
        expect(listed.map(({ name, sources }) => `${name} ${sources}`).sort()).to.deep.equal([
          'a.bin 1',
          'b.bin 1',
          'both.bin 2',
          'c.bin 1',
        ]);
        expect([errorCodeOf(beyond), beyond.stderr]).to.satisfy(
          ([code, text]: string[]) => code === 'too-many' && text?.includes('quota of stored bytes'),
        );
        expect([tooLarge.code, errorCodeOf(tooLarge)]).to.deep.equal([1, 'depot-full']);
        expect([...beyond.events, ...tooLarge.events].map(({ event }) => event)).not.to.include('storing');
        expect(left.map(({ name }) => name).sort(), 'nothing is left of the try').to.deep.equal(names);
        expect(risk).to.deep.equal([]);
      },
    ),
  );

  it(
    'takes a file from a terminal with a moving bar, and another terminal finds, fetches and removes it',
    inWorld({ ram: true, trackerArgs: ['--depot', 'own', '--depot-size', '64M'] }, async (world) => {
      const path = await world.file('alice', 'film.bin', 16 * MIB);
      await using alice = await openUserTerminal(world, 'alice', { env: { SHOAL_UPLOAD_LIMIT: String(8 * MIB) } });
      await using bob = await openUserTerminal(world, 'bob');
      await enter(alice.terminal, world, 'alice');
      await enter(bob.terminal, world, 'bob');

      alice.terminal.type('put film.bin --open\r');
      const percents = await watchPercents(
        alice.terminal,
        /film\.bin\s+\[[█░]+\]\s+(\d+)%\s+storing/,
        'film.bin stored at depot',
      );
      alice.terminal.type('xit\r');
      await alice.terminal.waitForExit();
      await say(bob.terminal, 'list', /film\.bin\s+16\.0 MiB\s+alice/);
      await say(bob.terminal, 'get film.bin', 'film.bin downloaded successfully', 30_000);
      await say(bob.terminal, 'del film.bin', 'film.bin removed');
      bob.terminal.type('xit\r');
      await bob.terminal.waitForExit();

      expect(percents.length, `the bar was seen at ${percents.join(', ')} %`).to.be.at.least(3);
      expect(percents).to.deep.equal(percents.toSorted((x, y) => x - y));
      await noteContent(world, 'film.bin', path);
    }),
  );

  it(
    'runs inside the tracker; anybody removes what is open, whoever knows it what has a passcode, an admin anything, as the audit says',
    inWorld(
      { users: ['alice', 'bob', 'root'], admins: ['root'], trackerArgs: ['--depot', 'own', '--depot-size', '64M'] },
      async (world) => {
        const path = await world.file('alice', 'open.bin', 3 * MIB);
        const locked = await world.file('alice', 'locked.bin', 1_000);
        const mine = await world.file('alice', 'mine.bin', 1_000, 2);
        await writeFile(world.path('passcode'), '4711\n');
        const del = (user: string, name: string, passcode?: string) =>
          world.cli(user, ['del', name], passcode === undefined ? {} : { env: { SHOAL_PASSCODE: passcode } });

        const put = await world.cli('alice', ['put', path, '--open'], { json: false });
        await world.cli('alice', ['put', locked, '--passcode-file', world.path('passcode')]);
        await world.cli('alice', ['put', mine]);
        await noteContent(world, 'open.bin', path);
        const got = await world.cli('bob', ['get', 'open.bin']);
        const risk = await world.cli('alice', ['at-risk'], { json: false });
        const removed = await world.cli('bob', ['del', 'open.bin'], { json: false });
        const [silent, wrong] = [await del('bob', 'locked.bin'), await del('bob', 'locked.bin', 'guess')];
        const right = await del('bob', 'locked.bin', '4711');
        const refused = await del('bob', 'mine.bin');
        const admin = await del('root', 'mine.bin');
        await world.serve('alice');
        const revived = await world.cli('alice', ['lpf']);
        const audit = await runCli(['admin', 'audit', '--data', world.path('tracker'), '--limit', 'all', '--csv']);

        expect(put.stdout).to.match(/^open\.bin stored at depot {2}3\.0 MiB/);
        expect(put.stderr).to.contain('Whoever runs depot can read it');
        expect(got.code, got.stderr).to.equal(0);
        expect(risk.stdout).to.contain('No files at risk');
        expect(removed.stdout).to.contain('open.bin removed');
        expect([silent, wrong, refused].map(errorCodeOf)).to.deep.equal([
          'passcode-needed',
          'wrong-passcode',
          'not-allowed',
        ]);
        expect([right.code, admin.code]).to.deep.equal([0, 0]);
        expect(publicationsOf(revived)).to.deep.equal([]);
        for (const row of [
          /"put","alice",.*@alice\/locked\.bin to depot/,
          /"stored","depot",.*@alice\/locked\.bin all/,
          /"del","bob",.*@alice\/open\.bin removed/,
          /"del","bob",.*@alice\/locked\.bin refused: wrong-passcode/,
          /"del","bob",.*@alice\/locked\.bin removed/,
          /"del","bob",.*@alice\/mine\.bin refused: not-allowed/,
          /"del","root",.*@alice\/mine\.bin removed/,
        ])
          expect(audit.stdout).to.match(row);
      },
    ),
  );
});

async function appoint(world: World, user: string): Promise<void> {
  const done = await runCli(['user', 'appoint', user, '--data', world.path('tracker')]);
  expect(done.code, done.stderr).to.equal(0);
}

function depotsOf(put: CliResult): readonly string[] {
  const { outcomes } = resultOf<{ outcomes: { depots: string[] }[] }>(put);
  return outcomes.flatMap(({ depots }) => depots);
}

/** The percents that the screen shows, each once, until it says `end`. */
async function watchPercents(terminal: Terminal, bar: RegExp, end: string): Promise<number[]> {
  const percents: number[] = [];
  await terminal.waitUntil(
    end,
    (shown) => {
      const screen = shown.screen().join('\n');
      const percent = Number(bar.exec(screen)?.[1] ?? Number.NaN);
      if (Number.isFinite(percent) && percents.at(-1) !== percent) percents.push(percent);
      return screen.includes(end);
    },
    { timeoutMs: 30_000 },
  );
  return percents;
}

async function noteContent(world: World, name: string, path: string): Promise<void> {
  world.noteContent(name, await sha256File(path));
}

/** Files below the depot's folder, `.part` ones too, with their bytes on the disk. */
async function stored(world: World, user: string): Promise<number[]> {
  const list = () => readdir(world.place(user).data, { recursive: true, withFileTypes: true });
  const entries = await list().catch(list); // A folder may go while it is read.
  const files = entries.filter((entry) => entry.isFile() && /[\\/]depot[\\/]files[\\/]/.test(`${entry.parentPath}/`));
  const content = files.filter(({ name }) => !/\.lock(\.pid)?$/.test(name));
  // One that is gone by now counts no more.
  const looks = content.map((file) => stat(join(file.parentPath, file.name)).catch(() => undefined));
  return (await Promise.all(looks)).flatMap((look) => (look === undefined ? [] : [look.blocks * 512]));
}

async function fetched(world: World, user: string): Promise<number> {
  return (await stored(world, user)).reduce((sum, bytes) => sum + bytes, 0);
}
