/** `shoal tracker backup|restore|check` and what a damaged store makes the tracker say, with real processes. */

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { runCli } from '../support/program.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { RawTcp } from './raw-client.js';
import { loginOf, publishOf, type RawRequest, request, resumeOf, userOf } from './raw-messages.js';
import { grantOf } from './test-tracker.js';
import { killHard, placeOf, startTrackerProcess } from './tracker-process.js';

describe('the commands that look after the store', () => {
  let cleanUp: AsyncDisposableStack;
  let dir: TempDir;
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    dir = cleanUp.use(await tempDir({ ram: true }));
  });
  afterEach(() => cleanUp.disposeAsync());

  const run = (...args: string[]) => runCli(['tracker', ...args], { home: dir.path });
  const onData = (word: string, ...args: string[]) => run(word, ...args, '--data', dir.join('data'));
  const start = async (data = 'data') =>
    cleanUp.use(await startTrackerProcess({ data: dir.join(data), users: ['alice'] }));

  it('back up a running tracker, whose identity, accounts and publications come back in another folder', async () => {
    const tracker = await start();
    const alice = cleanUp.use(await RawTcp.open(placeOf(tracker)));
    await alice.ask(loginOf(userOf('alice'), placeOf(tracker).pin));
    await alice.ask(publishOf('kept.bin'));

    const made = await onData('backup', dir.join('backup'), '--json');
    await alice.ask(publishOf('later.bin'));
    const restored = await run('restore', dir.join('backup'), '--data', dir.join('other'));

    expect(made, made.stderr).to.have.property('code', 0);
    expect(made.result?.['files']).to.deep.equal(['identity.pem', 'seal.key']);
    expect(statSync(dir.join('backup')).mode & 0o077).to.equal(0);
    expect(restored, restored.stderr).to.have.property('code', 0);
    const second = await start('other');
    expect(second.pin).to.equal(tracker.pin);
    const bob = cleanUp.use(await RawTcp.open(placeOf(second)));
    await bob.ask(loginOf(userOf('alice'), placeOf(second).pin));
    const listed = (await bob.ask(request('listPublished')))['publications'] as { name: string }[];
    expect(listed.map(({ name }) => name)).to.deep.equal(['kept.bin']);
  });

  it('put sessions back as they were, and say so; with --end-sessions everybody logs in again', async () => {
    const tracker = await start();
    const alice = cleanUp.use(await RawTcp.open(placeOf(tracker)));
    const grant = grantOf(await alice.ask(loginOf(userOf('alice'), placeOf(tracker).pin)));
    await onData('backup', dir.join('backup'));
    await alice.ask(request('logout'));
    await tracker.process.stop();
    const enter = async (data: string): Promise<(string | undefined)[]> => {
      const restored = await start(data);
      const ask = async (wish: RawRequest): Promise<string | undefined> => {
        await using client = await RawTcp.open(placeOf(restored));
        return (await client.ask(wish)).error?.code;
      };
      const resumed = await ask(resumeOf(grant, { serving: false }));
      return [resumed, await ask(loginOf(userOf('alice'), placeOf(restored).pin, { serving: false }))];
    };

    const plain = await run('restore', dir.join('backup'), '--data', dir.join('plain'));
    const ended = await run('restore', dir.join('backup'), '--end-sessions', '--data', dir.join('ended'));

    expect(plain.stdout).to.contain('change again whichever password').and.to.contain('with --end-sessions all end');
    expect(await enter('plain')).to.deep.equal([undefined, undefined]);
    expect(ended.stdout).to.contain('everybody logs in again');
    expect(await enter('ended')).to.deep.equal(['bad-token', undefined]);
  });

  it('never overwrite, neither a backup nor a store, unless forced, and then put the store aside', async () => {
    await (await start()).process.stop();
    const first = await onData('backup', dir.join('backup'));
    const second = await onData('backup', dir.join('backup'));
    const refused = await onData('restore', dir.join('backup'));
    const forced = await onData('restore', dir.join('backup'), '--force', '--json');

    expect([first.code, second.code, refused.code, forced.code], first.stderr + forced.stderr).to.deep.equal([
      0, 1, 1, 0,
    ]);
    expect(second.stderr).to.contain('--force');
    expect(refused.stderr).to.contain('there is a store');
    expect((await onData('check')).code).to.equal(0);
  });

  it('say what cannot be written, and tell a store that they cannot look at from a damaged one', async () => {
    await (await start()).process.stop();
    const target = dir.join('missing', 'backup');
    const folder = dir.join('folder');
    mkdirSync(folder);

    const noFolder = await onData('backup', target);
    const onFolder = await onData('backup', folder, '--force');
    const database = new DatabaseSync(dir.join('data', 'tracker.sqlite'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    rmSync(dir.join('data', 'tracker.sqlite-sums'));
    const checked = await onData('check');

    expect([noFolder.code, noFolder.stderr]).to.deep.equal([
      1,
      `shoal tracker: ${target} cannot be written (ENOENT). Choose a place where you may write, with room.\n`,
    ]);
    expect(onFolder.stderr).to.contain(`${folder} cannot be written (EISDIR)`);
    expect([checked.code, checked.stderr.includes('newer version')]).to.deep.equal([1, true]);
  });

  it('refuse a backup that was changed, and a restore under a running tracker', async () => {
    const tracker = await start();
    await onData('backup', dir.join('backup'));
    const running = await onData('restore', dir.join('backup'), '--force');
    const bytes = readFileSync(dir.join('backup'));
    bytes[bytes.length - 100]! ^= 1;
    writeFileSync(dir.join('backup'), bytes);
    const changed = await run('restore', dir.join('backup'), '--data', dir.join('other'));

    expect(running.code).to.equal(1);
    expect(running.stderr).to.contain(`in use by process ${tracker.process.pid}`);
    expect(changed.code).to.equal(1);
    expect(changed.stderr).to.contain('SHA-256');
    expect(existsSync(dir.join('other', 'tracker.sqlite'))).to.equal(false);
  });

  it('find damage, which keeps the tracker from starting, and save what can be saved', async () => {
    const tracker = await start();
    expect((await onData('check')).stdout).to.contain('is sound');
    await killHard(tracker);
    await onData('check'); // moves the log to the database
    const store = dir.join('data', 'tracker.sqlite');
    const bytes = readFileSync(store);
    const at = bytes.indexOf('alice');
    bytes[at]! ^= 1;
    writeFileSync(store, bytes);

    const refused = await run('--port', '0', '--data', dir.join('data'));
    const checked = await onData('check', '--json');
    const repaired = await onData('check', '--repair');

    expect(refused.code).to.equal(1);
    expect(refused.stderr)
      .to.contain(`${store} is damaged`)
      .and.to.contain(`shoal tracker restore FILE --data ${dir.join('data')}`);
    expect(checked.code).to.equal(6);
    expect(checked.stdout).to.contain(`byte ${at - (at % 4_096)}`);
    expect(repaired.code, repaired.stderr).to.equal(0);
    expect(repaired.stdout).to.contain('It was damaged');
    expect((await onData('check')).code).to.equal(0);
  });

  it('name the tool of PostgreSQL, with the database and the files that belong to it, and never the password', async () => {
    const store = 'postgres://shoal:open-sesame@db.example:5433/shoal?sslmode=verify-full';
    const shown = "--dbname='postgres://shoal@db.example:5433/shoal?sslmode=verify-full'";
    const words = { backup: [dir.join('backup')], restore: [dir.join('backup')], check: [] };

    const said = await Promise.all(
      Object.entries(words).map(([word, args]) => onData(word, ...args, '--store', store)),
    );

    expect(said.map(({ code }) => code)).to.deep.equal([2, 2, 2]);
    for (const [index, tool] of ['pg_dump', 'pg_restore', 'pg_amcheck'].entries()) {
      expect(said[index]!.stderr).to.contain(`${tool} `).and.to.contain(shown);
      expect(said[index]!.stderr).not.to.contain('open-sesame');
    }
    expect(said[1]!.stderr).to.contain(`psql --single-transaction ${shown}`);
    for (const file of ['identity.pem', 'seal.key']) expect(said[0]!.stderr).to.contain(dir.join('data', file));
  });
});
