import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { FAKE_PIN } from '../daemon/fake-peer.js';
import { expectInTime, msUntil } from '../support/in-time.js';
import { runCli, startProgram } from '../support/program.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { ANA, FAKE_COMMAND, serve, shoal, TRACKER } from './fake-shoal.js';

describe('shoal with a running peer', () => {
  let dir: TempDir;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(() => dir[Symbol.asyncDispose]());

  const words = (...args: readonly string[]): string[] => [
    ...args,
    '--tracker',
    `${TRACKER}#${FAKE_PIN}`,
    '--user',
    'ana',
    '--data',
    dir.join('data'),
  ];
  const start = (args: readonly string[], more: { cwd?: string; env?: Record<string, string> } = {}) =>
    startProgram(words(...args), { command: FAKE_COMMAND, ...more, env: { SHOAL_PASSWORD: 'secret', ...more.env } });

  it('prints one line when it serves, and ends within 2 s of SIGTERM with code 0', async () => {
    await expectInTime(2_000, async () => {
      await using program = await start(['serve']);

      expect(await program.nextLine(/./)).to.equal('serving as ana on 127.0.0.1:40404');
      program.kill('SIGTERM');
      const tookMs = await msUntil(program.exit);
      expect(await program.exit).to.deep.equal({ code: 0, signal: null });
      expect(program.stdout).to.have.length(1);
      return tookMs;
    });
  });

  it('says the same as an event under --json, and a result at the end', async () => {
    await using peer = await serve();

    peer.process.kill('SIGINT');
    expect((await peer.process.exit).code).to.equal(0);
    expect(peer.process.jsonEvents()).to.deep.equal([
      { event: 'serving', user: 'ana', host: '127.0.0.1', port: 40_404, pin: FAKE_PIN },
      { event: 'result', command: 'serve' },
    ]);
  });

  it('lets later commands attach without a password, in their own folder', async () => {
    await using peer = await serve();
    await mkdir(dir.join('here'));
    const here = await realpath(dir.join('here'));
    const options = { command: FAKE_COMMAND, tracker: TRACKER, user: 'ana', data: peer.data, cwd: here, json: true };

    const status = await runCli(['status'], options);
    const got = await runCli(['get', 'quick'], options);
    const elsewhere = await runCli(['get', 'quick', '--downloads', 'sub/deep', '--as', 'q2'], options);
    const published = await runCli(['pub', 'x.bin', '../y.bin'], options);

    expect(status.result).to.include({ attached: true, user: 'ana' });
    expect(got.result?.['path']).to.equal(`${here}/quick`);
    expect(elsewhere.result?.['path']).to.equal(`${here}/sub/deep/q2`);
    expect(existsSync(`${here}/sub/deep/q2`)).to.equal(true);
    expect(published.code).to.equal(0);
    const outcomes = published.result?.['outcomes'] as { path: string }[];
    expect(outcomes.map(({ path }) => path)).to.deep.equal([`${here}/x.bin`, dir.join('y.bin')]);
  });

  it('expands a pattern that no shell expanded', async () => {
    await using peer = await serve();
    await mkdir(dir.join('here'));
    for (const name of ['b.txt', 'a.txt', 'c.bin', '[x].txt']) await writeFile(dir.join('here', name), '');
    const options = {
      command: FAKE_COMMAND,
      tracker: TRACKER,
      user: 'ana',
      data: peer.data,
      cwd: dir.join('here'),
      json: true,
    };
    const pathsOf = async (pattern: string): Promise<string[]> => {
      const { result } = await runCli(['pub', pattern], options);
      const outcomes = (result?.['outcomes'] ?? []) as { path: string }[];
      return outcomes.map(({ path }) => path.split('/').at(-1) ?? '');
    };

    expect(await pathsOf('[ab].*')).to.deep.equal(['a.txt', 'b.txt']);
    expect(await pathsOf('[x].txt')).to.deep.equal(['[x].txt']);
  });

  it('refuses to serve twice', async () => {
    await using peer = await serve();

    const second = await shoal(['serve'], { data: peer.data, json: true });

    expect(second.code).to.equal(1);
    expect(second.result).to.include({ event: 'error', code: 'in-use' });
  });

  it('starts one peer when two processes come at the same moment', async () => {
    await using first = await start(['serve', '--json']);
    await using second = await start(['serve', '--json']);

    const loser = await Promise.race([first.exit, second.exit]);

    expect(loser.code).to.equal(1);
    const states = [first, second].map((program) => program.jsonEvents().map(({ event }) => event));
    await waitFor(() => [first, second].some((program) => program.stdoutText.includes('"serving"')), {
      what: 'the winner',
    });
    expect(states.flat().filter((event) => event === 'error')).to.have.length(1);
  });

  it('starts anew after a kill -9, over the socket that was left, with the saved session', async () => {
    const data = dir.join('data');
    await using killed = await start(['serve', '--json']);
    await killed.waitForEvent('serving');
    killed.kill('SIGKILL');
    await killed.exit;

    const oneShot = await runCli(['status'], {
      command: FAKE_COMMAND,
      tracker: TRACKER,
      user: 'ana',
      data,
      json: true,
    });
    await using next = await startProgram(words('serve', '--json'), { command: FAKE_COMMAND });
    await next.waitForEvent('serving');
    const attached = await runCli(['status'], {
      command: FAKE_COMMAND,
      tracker: TRACKER,
      user: 'ana',
      data,
      json: true,
    });

    expect(oneShot.result).to.include({ attached: false });
    expect(attached.result).to.include({ attached: true });
  });

  it('fails the attached command when the peer is killed under it', async () => {
    await using peer = await serve();
    await using got = await startProgram(
      ['get', 'endless', '--json', '--tracker', TRACKER, '--user', 'ana', '--data', peer.data],
      {
        command: FAKE_COMMAND,
      },
    );
    await got.waitForEvent('transfer');

    peer.process.kill('SIGKILL');

    expect((await got.exit).code).to.equal(1);
    expect(got.jsonEvents().at(-1)).to.deep.include({ event: 'error', code: 'internal' });
  });

  it('makes, lists and ends links', async () => {
    await using peer = await serve();

    const made = await peer.run(['link', 'a.txt', '--expires', '2h'], { json: true });
    const listed = await peer.run(['links']);
    const ended = await peer.run(['unlink', 'L1']);

    expect(made.result).to.have.nested.property('link.notAfter', 7_200_000);
    expect(listed.stdout).to.match(/^1 link:\n {2}NAME .*\n {2}a\.txt .* L1$/m);
    expect(ended.stdout).to.equal('The link L1 to a.txt has ended\n');
  });

  it('is ended by xit, which waits for its end', async () => {
    await using peer = await serve();

    const { code, stdout } = await peer.run(['xit']);

    expect([code, stdout]).to.deep.equal([0, 'The peer has ended\n']);
    expect((await peer.process.exit).code).to.equal(0);
    expect((await peer.run(['xit'])).stdout).to.equal('No peer of yours is running\n');
  });

  const NEEDS_ONE = {
    link: ['a.txt'],
    links: [],
    unlink: ['L1'],
    dir: [],
    cancel: [],
    pause: [],
    resume: [],
    retry: [],
    priority: ['high'],
    limit: [],
  };

  it('is asked for, where none runs, by every word that needs it, with a command that can be typed here', async () => {
    await using peer = await serve();
    await peer.run(['xit']);

    for (const [word, args] of Object.entries(NEEDS_ONE)) {
      const { code, events, stderr } = await peer.run([word, ...args], { json: true });

      expect([word, code, events.at(-1)?.['code']]).to.deep.equal([word, 4, 'not-found']);
      expect(stderr).to.match(/^No peer of yours is running[.,].* Start one with: npx shoal serve --data \S+/);
    }
  });

  it('is ended by logout', async () => {
    await using peer = await serve();

    expect((await peer.run(['logout'])).code).to.equal(0);
    expect((await peer.process.exit).code).to.equal(0);
  });

  it('keeps lock, socket, session and trust to its user', async () => {
    await using peer = await serve();

    const state = `${peer.data}/${FAKE_PIN.slice(7)}/ana`;
    expect((await stat(state)).mode & 0o777).to.equal(0o700);
    expect((await stat(`${state}/lock`)).mode & 0o777).to.equal(0o600);
    expect((await stat(`${peer.data}/run`)).mode & 0o777).to.equal(0o700);
    expect((await stat(`${peer.data}/trust.json`)).mode & 0o777).to.equal(0o600);
  });

  it('works where the path of the data folder is too long for a socket', async () => {
    const data = dir.join('x'.repeat(100), 'y'.repeat(60));
    await using peer = await serve({ data });

    expect((await peer.run(['status'], { json: true })).result).to.include({ attached: true });
  });

  it('ends with code 3 when the tracker ends its session for good', async () => {
    await using peer = await serve({ user: 'doomed' });

    expect((await peer.process.exit).code).to.equal(3);
    expect(peer.process.jsonEvents().at(-1)).to.include({ event: 'error', code: 'not-logged-in' });
  });

  it('waits for a tracker that is not there yet, and says so', async () => {
    const env = { FAKE_TRACKER: dir.join('tracker') };
    await using program = await start(['serve'], { env });
    await program.nextLine(/^Waiting for the tracker 127\.0\.0\.1:7465\. Tracker not responding/, { from: 'stderr' });

    await writeFile(dir.join('tracker'), '');

    await program.nextLine(/^serving as ana/);
    expect(program.stderr).to.have.length(1);
  });

  it('ends at once with code 0 when it is told to while it waits', async () => {
    await using program = await start(['serve', '--json'], { env: { FAKE_TRACKER: dir.join('tracker') } });
    await program.waitForEvent('waiting');

    program.kill('SIGTERM');

    expect((await program.exit).code).to.equal(0);
  });

  it('lets a one-shot command fail at once when the tracker is not there', async () => {
    const { code } = await shoal(['lpf'], { env: { FAKE_TRACKER: dir.join('tracker') } });

    expect(code).to.equal(7);
  });

  it('saves a session by login, after which commands need no password', async () => {
    const data = dir.join('data');
    const bare = { command: FAKE_COMMAND, tracker: TRACKER, user: 'ana', data };

    const wrong = await shoal(['login'], { data, password: 'wrong' });
    const right = await shoal(['login'], { data });
    const wrongAgain = await shoal(['login'], { data, password: 'wrong' });
    const later = await runCli(['lpf'], bare);

    expect([wrong.code, right.code, wrongAgain.code, later.code]).to.deep.equal([3, 0, 3, 0]);
    expect(right.stdout).to.equal(`Logged in as ana at ${TRACKER}\n`);
  });
});

describe('shoal, interrupted', () => {
  let dir: TempDir;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(() => dir[Symbol.asyncDispose]());

  for (const isAttached of [false, true]) {
    it(`ends a get with 130 and says what is kept${isAttached ? ', also when attached' : ''}`, async () => {
      await using peer = isAttached ? await serve() : undefined;
      const data = peer?.data ?? dir.join('data');
      const args = ['get', 'endless', '--json', '--tracker', ANA.tracker, '--user', 'ana', '--data', data];
      await using program = await startProgram(args, {
        command: FAKE_COMMAND,
        cwd: dir.path,
        env: { SHOAL_PASSWORD: 'secret' },
      });
      await program.waitForEvent('transfer');

      program.kill('SIGINT');

      expect((await program.exit).code).to.equal(130);
      const last = program.jsonEvents().at(-1);
      expect(last).to.include({ event: 'error', code: 'interrupted' });
      expect(last?.['message'])
        .to.contain(`of endless are kept in ${dir.path} `)
        .and.to.contain('the same get goes on');
      if (peer !== undefined) expect((await peer.run(['status'], { json: true })).code).to.equal(0);
    });
  }

  it('serves what it published until then, when no peer is running, and says so', async () => {
    const args = ['pub', 'a.bin', '--json', '--tracker', ANA.tracker, '--user', 'ana', '--data', dir.join('data')];
    await using program = await startProgram(args, {
      command: FAKE_COMMAND,
      cwd: dir.path,
      env: { SHOAL_PASSWORD: 'secret' },
    });
    await program.waitForEvent('result');
    await program.nextLine(/serves 1 file until it is interrupted/, { from: 'stderr' });

    const attached = await shoal(['status'], { data: dir.join('data'), json: true });
    program.kill('SIGINT');

    expect(attached.result).to.include({ attached: true });
    expect((await program.exit).code).to.equal(0);
    expect(program.jsonEvents().at(-1)?.event).to.equal('result');
  });

  it('does not stay when nothing was published', async () => {
    const { code, stderr } = await shoal(['pub', 'missing'], { cwd: dir.path });

    expect(code).to.equal(4);
    expect(stderr).to.not.match(/serves/);
  });

  it('says what is wrong with a folder for downloads that cannot be made', async () => {
    if (process.getuid?.() === 0) {
      await writeFile(dir.join('file'), '');
      const { code, stderr } = await shoal(['get', 'quick', '--downloads', dir.join('file', 'sub')]);

      expect(code).to.equal(1);
      expect(stderr).to.contain(dir.join('file', 'sub'));
      return;
    }
    await chmod(dir.path, 0o500);
    const { code } = await shoal(['get', 'quick', '--downloads', dir.join('sub')]);

    expect(code).to.equal(1);
    await chmod(dir.path, 0o700);
  });

  it('shows no secret in what it leaves behind', async () => {
    await shoal(['login'], { data: dir.join('data') });

    expect(await readFile(dir.join('data', 'trust.json'), 'utf8')).to.not.contain('secret');
  });
});
