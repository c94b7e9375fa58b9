import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type RunningProgram, runCli, type ServeHandle, startProgram } from '../support/program.js';
import { sameBytes, sha256File } from '../support/temp.js';
import { errorCodeOf, expectOneLine, linkOf, publicationsOf, resultOf, transferOf, usersOf } from './json-results.js';
import { inWorld, passwordOf, sharedEnvironment, World } from './world.js';

describe('one-shot commands', () => {
  let world: World;
  let alice: ServeHandle;
  let report: string;
  /** Has patience with a source that may come back, so it is begun first. */
  let awayGet: RunningProgram;

  before(async () => {
    world = await World.open({ users: ['alice', 'bob', 'carol', 'dave'] });
    alice = await world.serve('alice');
    report = await world.file('alice', 'report.pdf', 300_000);
    await world.publish('alice', report);
    const dave = await world.serve('dave');
    await world.publish('dave', await world.file('dave', 'away.bin', 1000));
    await dave.process.stop();
    awayGet = await world.start('bob', ['get', 'away.bin']);
  });

  after(async () => {
    await world.end();
  });

  describe('with --json', () => {
    it('lpf lists my publications', async () => {
      const from = performance.now();
      const rows = publicationsOf(await world.cli('alice', ['lpf']));
      process.stdout.write(`      an attached lpf took ${(performance.now() - from).toFixed(0)} ms\n`);

      expect(rows.find(({ name }) => name === 'report.pdf')).to.include({
        owner: 'alice',
        sizeBytes: 300_000,
        sources: 1,
        rights: 'public',
      });
    });

    it('lap lists other active users, and one-shot commands are not among them', async () => {
      const seenByBob = usersOf(await world.cli('bob', ['lap']));
      const seenByAlice = usersOf(await world.cli('alice', ['lap']));

      expect(seenByBob.map(({ user }) => user)).to.deep.equal(['alice']);
      expect(seenByAlice.map(({ user }) => user)).to.deep.equal([]);
    });

    it('several commands of one user at once all answer, also the first ones on a new computer', async () => {
      const fresh = { data: world.path('several'), home: world.path('several-home') };

      const done = await Promise.all(Array.from({ length: 5 }, () => world.cli('bob', ['lap'], fresh)));

      expect(
        done.map(({ code }) => code),
        done.map(({ stderr }) => stderr).join(''),
      ).to.deep.equal([0, 0, 0, 0, 0]);
    });

    it('sch is case-sensitive, leaves out my own and what is offline; -i, list and --all widen it', async () => {
      const names = async (user: string, ...args: string[]): Promise<string[]> => {
        return publicationsOf(await world.cli(user, args)).map(({ name }) => name);
      };

      expect(await names('bob', 'sch', 'REPORT')).to.deep.equal([]);
      expect(await names('bob', 'sch', 'REPORT', '-i')).to.deep.equal(['report.pdf']);
      expect(await names('bob', 'sch', 'port.p')).to.deep.equal(['report.pdf']);
      expect(await names('alice', 'sch', 'report')).to.deep.equal([]);
      expect(await names('alice', 'list')).to.include('report.pdf');
    });

    it('get prints transfer events and one result, and saves in the current directory', async () => {
      const cwd = world.path('work');
      await mkdir(cwd, { recursive: true });
      const { home, data } = world.place('bob');

      const done = await runCli(['get', 'report.pdf'], { ...(await who('bob')), home, data, cwd, json: true });

      const transfer = transferOf(done);
      expect(done.events.slice(0, -1).every(({ event }) => event === 'transfer')).to.equal(true);
      expect(transfer).to.include({
        state: 'done',
        doneBytes: 300_000,
        receivedBytes: 300_000,
        resumedBytes: 0,
        path: join(cwd, 'report.pdf'),
      });
      expect(await sameBytes(report, join(cwd, 'report.pdf'))).to.equal(true);
      expect(done.stderr).to.match(/report\.pdf downloaded successfully/);
    });

    it('pub and unp say what they did, and resolve paths in the directory of the caller, also when attached', async () => {
      const cwd = world.place('alice').files;
      await world.file('alice', 'notes.txt', 10);

      const published = await alice.run(['pub', 'notes.txt', '--json'], { cwd });
      const again = await alice.run(['pub', './notes.txt', '--json'], { cwd });
      const withdrawn = await alice.run(['unp', 'notes.txt', '--json'], { cwd });

      expect(resultOf(published)).to.have.nested.property('outcomes[0].change', 'new');
      expect(resultOf(again)).to.have.nested.property('outcomes[0].change', 'unchanged');
      expect(resultOf(withdrawn)).to.have.nested.property('outcomes[0].ok', true);
    });

    it('pub of several files tells each outcome; one that is missing does not stop the others', async () => {
      const cwd = world.place('alice').files;
      await world.file('alice', 'one.txt', 1);
      await world.file('alice', 'two.txt', 2);

      const done = await alice.run(['pub', 'one.txt', 'missing.txt', 'two.txt', '--json'], { cwd });
      const clean = await alice.run(['unp', 'one.txt', 'two.txt', '--json'], { cwd });

      expect(done.code).to.equal(4);
      expect(done.result).to.have.nested.property('outcomes[0].ok', true);
      expect(done.result).to.have.nested.property('outcomes[1].problem.code', 'not-found');
      expect(done.result).to.have.nested.property('outcomes[2].ok', true);
      expect(clean.code).to.equal(0);
    });

    it('pub --as and --replace: a name of another path is taken until it is told', async () => {
      const first = await world.file('alice', 'v1.bin', 50, 1);
      const second = await world.file('alice', 'v2.bin', 50, 2);
      await world.publish('alice', first, ['--as', 'version.bin']);

      const taken = await world.cli('alice', ['pub', second, '--as', 'version.bin']);
      const replaced = await world.cli('alice', ['pub', second, '--as', 'version.bin', '--replace']);
      await world.unpublish('alice', 'version.bin');

      expect([taken.code, taken.result?.['code']]).to.deep.equal([1, 'name-taken']);
      expect(resultOf(replaced)).to.have.nested.property('outcomes[0].change', 'replaced');
      expect(replaced.result).to.have.nested.property('outcomes[0].publication.revision', 2);
    });

    it('pub without a running peer serves in the foreground until it is interrupted, and the file stays listed', async () => {
      const path = await world.file('carol', 'desk.bin', 4000);
      const serving = await world.start('carol', ['pub', path]);
      await serving.waitForEvent('result');

      const fetched = await world.cli('bob', ['get', 'desk.bin']);
      const end = await serving.stop('SIGINT');
      const listed = publicationsOf(await world.cli('carol', ['lpf']));
      await world.cli('carol', ['unp', 'desk.bin']);

      world.noteContent('desk.bin', await sha256File(path));
      expect(fetched.code, fetched.stderr).to.equal(0);
      expect(end.code).to.be.oneOf([0, 130]);
      expect(serving.stderrText).to.match(/serves 1 file until it is interrupted/);
      expect(listed.map(({ name }) => name)).to.deep.equal(['desk.bin']);
    });

    it('sources, status, whoami and id answer', async () => {
      const [found, state, me, id] = [
        await world.cli('bob', ['sources', 'report.pdf']),
        await world.cli('alice', ['status']),
        await world.cli('bob', ['whoami']),
        await runCli(['id', report, '--json'], {}),
      ];

      expect(resultOf(found)).to.have.nested.property('sources[0].user', 'alice');
      expect(resultOf(state))
        .to.include({ user: 'alice', attached: true })
        .and.to.have.nested.property('connection.kind', 'online');
      expect(resultOf(me)).to.have.property('user', 'bob');
      expect(resultOf(id)).to.have.property('fileId', publicationsOf(await world.cli('alice', ['lpf']))[0]?.fileId);
    });

    it('link, links and unlink answer', async () => {
      const link = linkOf(await world.cli('alice', ['link', 'report.pdf', '--expires', '5m']));
      const listed = await world.cli('alice', ['links']);
      const ended = await world.cli('alice', ['unlink', link.linkId]);

      expect(link.url).to.match(/^https:\/\//);
      expect(resultOf<{ links: { linkId: string }[] }>(listed).links.map(({ linkId }) => linkId)).to.include(
        link.linkId,
      );
      expect(JSON.stringify(listed.result), 'a token is shown once').not.to.include(
        new URL(link.url).searchParams.get('token') ?? link.url,
      );
      expect(ended.code).to.equal(0);
    });

    it('login leaves a session for later commands, logout ends it', async () => {
      const { home, data } = world.place('carol');
      const bare = { user: 'carol', tracker: world.address, home, data, json: true, env: await sharedEnvironment() };

      const before = await runCli(['lap'], bare);
      const login = await runCli(['login'], { ...bare, password: passwordOf('carol') });
      const after = await runCli(['lap'], bare);
      const again = await runCli(['lpf'], bare);
      const logout = await runCli(['logout'], bare);
      const late = await runCli(['lap'], bare);

      expect([before.code, errorCodeOf(before)]).to.deep.equal([3, 'not-logged-in']);
      expect(
        [login.code, after.code, again.code, logout.code],
        login.stderr + after.stderr + logout.stderr,
      ).to.deep.equal([0, 0, 0, 0]);
      expect(late.code).to.equal(3);
    });

    it('trust add, list and forget answer', async () => {
      const { home, data } = world.place('carol');
      const bare = { home, data, json: true, env: await sharedEnvironment() };

      const added = await runCli(['trust', 'add', `tracker.example:9#${world.tracker.pin}`], bare);
      const listed = await runCli(['trust', 'list'], bare);
      const forgotten = await runCli(['trust', 'forget', 'tracker.example:9'], bare);
      const unknown = await runCli(['trust', 'forget', 'tracker.example:9'], bare);

      expect([added.code, forgotten.code, unknown.code]).to.deep.equal([0, 0, 4]);
      expect(JSON.stringify(listed.result)).to.include('tracker.example:9');
    });
  });

  describe('exit codes', () => {
    it('2 for usage: unknown words name the nearest one, later ones say so', async () => {
      const wrong = await runCli(['gte', 'x'], {});
      const later = await runCli(['doctor', 'x'], {});
      const missing = await runCli(['get', '--json'], {});
      const option = await runCli(['get', 'x', '--forc'], {});

      expect([wrong.code, later.code, missing.code, option.code]).to.deep.equal([2, 2, 2, 2]);
      expect(wrong.stderr).to.match(/"gte".*Did you mean get\?/);
      expect(later.stderr).to.match(/Not in this version yet/);
      expect(errorCodeOf(missing)).to.equal('usage');
      for (const { stderr } of [wrong, later, missing, option]) expectOneLine(stderr);
    });

    it('3 for a wrong password, with one text for wrong users too', async () => {
      const password = await world.cli('bob', ['lap'], { password: 'wrong' });
      const user = await world.cli('bob', ['lap'], { user: 'nobody', password: 'wrong' });

      expect([password.code, errorCodeOf(password)]).to.deep.equal([3, 'login-failed']);
      expect(user.stderr).to.equal(password.stderr);
      expectOneLine(password.stderr);
    });

    it('3 for a tracker that is not trusted yet, unless --trust-on-first-use', async () => {
      const tracker = `${world.tracker.host}:${world.tracker.port}`;
      const fresh = { data: world.path('fresh'), home: world.path('fresh-home'), tracker };

      const refused = await world.cli('bob', ['lap'], fresh);
      const trusted = await world.cli('bob', ['lap', '--trust-on-first-use'], fresh);
      const later = await world.cli('bob', ['lap'], fresh);

      expect([refused.code, errorCodeOf(refused)]).to.deep.equal([3, 'untrusted-tracker']);
      expect(refused.stderr).to.include(world.tracker.pin);
      expect([trusted.code, later.code], trusted.stderr).to.deep.equal([0, 0]);
    });

    it('4 for what is not there', async () => {
      const get = await world.cli('bob', ['get', 'nothing.bin']);
      const unp = await world.cli('alice', ['unp', 'nothing.bin']);
      const link = await world.cli('alice', ['link', 'nothing.bin']);

      expect([get.code, unp.code, link.code]).to.deep.equal([4, 4, 4]);
      expect(get.stderr).to.match(/^File not found/);
      expectOneLine(get.stderr);
    });

    it('5 for a file whose sources stay away', async () => {
      const end = await awayGet.waitForExit(25_000);

      expect(end.code, awayGet.describe()).to.equal(5);
      expect(awayGet.jsonEvents().at(-1)).to.include({ event: 'error', code: 'no-source' });
      expect(awayGet.stderrText).to.match(/^No source reachable/);
      expectOneLine(awayGet.stderrText);
    });

    it('7 for a tracker that does not answer', async () => {
      const done = await world.cli('bob', ['lap'], { tracker: `127.0.0.1:1#${world.tracker.pin}` });

      expect([done.code, errorCodeOf(done)]).to.deep.equal([7, 'tracker-unreachable']);
      expect(done.stderr).to.match(/^Tracker not responding/);
      expectOneLine(done.stderr);
    });

    it('130 for an interrupted get, which says what is kept', async () => {
      const path = await world.file('carol', 'slow.bin', 8 * 1024 * 1024);
      await using serving = await world.serve('carol', { args: ['--upload-limit', String(1024 * 1024)] });
      await world.publish('carol', path);
      const download = await world.start('bob', ['get', 'slow.bin']);
      await download.waitForEvent('transfer', {
        where: (event) => JSON.stringify(event).includes('"state":"fetching"'),
      });
      await download.waitForEvent('transfer', {
        where: (event) => (event['transfer'] as { doneBytes: number }).doneBytes > 0,
      });

      const end = await download.stop('SIGINT');

      world.mayBeUnfinished('slow.bin');
      expect(end.code, download.describe()).to.equal(130);
      expect(download.stderrText).to.match(/of slow\.bin are kept in \/.*; the same get goes on/);
      await world.unpublish('carol', 'slow.bin');
      await serving.process.stop();
    });
  });

  describe('shoal serve', () => {
    it('prints one line for people without --json, and a second one of the user is refused with the reason', async () => {
      const { home, data, downloads } = world.place('carol');
      await mkdir(home, { recursive: true });
      const words = ['serve', '--tracker', world.address, '--user', 'carol', '--data', data, '--downloads', downloads];
      await using program = await startProgram(words, { home, env: { SHOAL_PASSWORD: passwordOf('carol') } });
      await program.nextLine(/^serving as carol on 127\.0\.0\.1:\d+$/);

      const second = await world.cli('carol', ['serve']);
      const elsewhere = await world.cli('carol', ['serve'], { data: world.path('other-data') });
      const xit = await world.cli('carol', ['xit']);
      const end = await program.waitForExit();

      expect([second.code, errorCodeOf(second)]).to.deep.equal([1, 'in-use']);
      expect([elsewhere.code, errorCodeOf(elsewhere)]).to.deep.equal([3, 'already-active']);
      expect(xit.code, xit.stderr).to.equal(0);
      expect(end.code).to.equal(0);
    });

    it('fetches through the running peer when attached, and the command ends when the file is there', async () => {
      await using bob = await world.serve('bob');
      const into = world.path('attached');
      await mkdir(into, { recursive: true });

      const done = await bob.run(['get', 'report.pdf', '--json'], { cwd: into, downloads: into });
      const status = resultOf<{ attached: boolean; downloads: unknown[] }>(await bob.run(['status', '--json']));

      expect(done.code, done.stderr).to.equal(0);
      expect(status.attached).to.equal(true);
      expect(await sameBytes(report, join(into, 'report.pdf'))).to.equal(true);
      await bob.process.stop();
    });

    it(
      'waits for a tracker that is not there yet',
      inWorld({ users: ['bob'] }, async (own) => {
        await own.killTracker();
        const program = await own.start('bob', ['serve']);

        const waiting = await program.waitForEvent('waiting');
        await own.startTracker();
        const serving = await program.waitForEvent('serving', { timeoutMs: 15_000 });

        expect(waiting['code']).to.equal('tracker-unreachable');
        expect(serving['user']).to.equal('bob');
        expect((await program.stop()).code).to.equal(0);
      }),
    );
  });

  async function who(user: string) {
    return { user, password: passwordOf(user), tracker: world.address, env: await sharedEnvironment() };
  }
});
