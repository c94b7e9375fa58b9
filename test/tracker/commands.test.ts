import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { expectInTime, msUntil } from '../support/in-time.js';
import { childrenOf, isRunning } from '../support/proc.js';
import { runCli, startProgram } from '../support/program.js';
import { projectRoot } from '../support/shoal-command.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { RawTcp } from './raw-client.js';
import { newDevice } from './raw-device.js';
import { loginOf, type RawReply, request, userOf } from './raw-messages.js';
import { placeOf, startTrackerProcess } from './tracker-process.js';

describe('shoal tracker', () => {
  let cleanUp: AsyncDisposableStack;
  let dir: TempDir;
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    dir = cleanUp.use(await tempDir());
  });
  afterEach(() => cleanUp.disposeAsync());

  const start = async (options: Parameters<typeof startTrackerProcess>[0] = {}) =>
    cleanUp.use(
      await startTrackerProcess({
        data: dir.join('data'),
        ...(options?.credentials === undefined ? { users: ['alice'] } : {}),
        ...options,
      }),
    );
  const run = (...args: string[]) => runCli(args, { home: dir.path });
  const user = (words: string[], env: Record<string, string> = {}) =>
    runCli(['user', ...words, '--data', dir.join('data')], { home: dir.path, env });

  it('says what is wrong with a line, in JSON too, and where the help is', async () => {
    for (const [args, said] of [
      [['tracker', '--bogus'], "unknown option '--bogus'. See shoal tracker --help."],
      [['tracker', '--prot'], "unknown option '--prot' (Did you mean --port?). See shoal tracker --help."],
      [['group', 'add'], "missing required argument 'group'. See shoal group --help."],
    ] as const) {
      const { code, stdout, stderr } = await run(...args, '--json');

      expect([code, stderr]).to.deep.equal([2, `shoal ${args[0]}: ${said}\n`]);
      expect(JSON.parse(stdout)).to.deep.equal({ event: 'error', code: 'usage', message: said });
    }
  });

  it('prints one line when it listens, the pin in its data folder, and --print-pin the same', async () => {
    const program = cleanUp.use(
      await startProgram(['tracker', '--port', '0', '--data', dir.join('data')], {
        home: dir.path,
      }),
    );
    const line = await program.nextLine(/listening/);
    const [, port, pin] = /^tracker listening on 127\.0\.0\.1:(\d+) pin (sha256:[0-9a-f]{64})$/.exec(line) ?? [];

    expect(Number(port)).to.be.greaterThan(0);
    expect(program.stdout).to.deep.equal([line]);
    expect((await readFile(dir.join('data', 'pin'), 'utf8')).trim()).to.equal(pin);
    expect((await run('tracker', '--print-pin', '--data', dir.join('data'))).stdout).to.equal(`${pin}\n`);
  });

  it('takes its port from .env in the data folder, below its flags', async () => {
    await using probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    await mkdir(dir.join('data'), { mode: 0o700 });
    await writeFile(dir.join('data', '.env'), `PORT=${port}\n`);

    const result = await run('tracker', '--data', dir.join('data'));

    expect(result.stderr).to.contain(`port ${port} on 127.0.0.1 is in use`);
    expect((await start()).port).not.to.equal(port);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`says goodbye and ends with 0 within 2 s of ${signal}, leaving no process`, async () => {
      await expectInTime(2_000, async () => {
        const tracker = await start();
        const children = await childrenOf(tracker.process.pid);
        const client = cleanUp.use(await RawTcp.open(placeOf(tracker)));
        await client.ask(loginOf(userOf('alice'), placeOf(tracker).pin));

        process.kill(tracker.process.pid, signal);
        const goodbye = client.event('shutting-down');
        const tookMs = await msUntil(tracker.process.exit);

        await goodbye;
        expect(await tracker.process.exit).to.deep.equal({ code: 0, signal: null });
        for (const pid of children) await waitFor(async () => !(await isRunning(pid)));
        return tookMs;
      });
    });
  }

  it('takes its hasher with it when it is killed', async () => {
    const tracker = await start();
    const children = await waitFor(async () => {
      const pids = await childrenOf(tracker.process.pid);
      return pids.length > 0 && pids;
    });

    process.kill(tracker.process.pid, 'SIGKILL');

    for (const pid of children) await waitFor(async () => !(await isRunning(pid)));
  });

  it('ends by itself when nobody has been there for --exit-when-idle', async () => {
    const tracker = await start({ args: ['--exit-when-idle', '500ms'] });

    expect((await tracker.process.exit).code).to.equal(0);
  });

  describe('refuses, with one clear sentence and exit code 1,', () => {
    for (const transport of ['TCP', 'UDP'] as const) {
      it(`a ${transport} port that is in use`, async () => {
        const other =
          transport === 'TCP' ? createServer().listen(0, '127.0.0.1') : createSocket('udp4').bind(0, '127.0.0.1');
        cleanUp.defer(() => void other.close());
        await once(other, 'listening');
        const { port } = other.address() as { port: number };

        const result = await run('tracker', '--port', String(port), '--data', dir.join('data'));

        expect(result.code).to.equal(1);
        expect(result.stderr).to.contain(
          `port ${port} on 127.0.0.1 is in use by another program. Stop it, or choose another with --port.`,
        );
        expect(result.stdout).to.equal('');
      });
    }

    it('a status port that is in use, by its own flags', async () => {
      await using other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };

      const result = await run('tracker', '--port', '0', '--status-port', `${port}`, '--data', dir.join('data'));

      expect(result.code).to.equal(1);
      expect(result.stderr).to.contain(
        `port ${port} on 127.0.0.1 is in use by another program. Stop it, or choose another with --status-port.`,
      );
    });

    it('a second tracker on the same data', async () => {
      const tracker = await start();

      const result = await run('tracker', '--port', '0', '--data', dir.join('data'));

      expect(result.code).to.equal(1);
      expect(result.stderr).to.contain(`is in use by process ${tracker.process.pid}`);
    });

    it('a broken line of the credentials file, by number and without its password', async () => {
      await writeFile(dir.join('people.txt'), 'alice secret-one\nb@d secret-two\n');

      const result = await run(
        'tracker',
        '--port',
        '0',
        '--data',
        dir.join('data'),
        '--credentials',
        dir.join('people.txt'),
      );

      expect(result.code).to.equal(1);
      expect(result.stderr)
        .to.match(/people\.txt, line 2: /)
        .and.not.to.match(/secret/);
    });

    for (const [flag, name] of [
      ['--credentials', 'missing.txt'],
      ['--seal-key', 'missing.key'],
      ['--identity', 'missing.pem'],
    ] as const) {
      it(`${flag} that does not exist`, async () => {
        const result = await run('tracker', '--port', '0', '--data', dir.join('data'), flag, dir.join(name));

        expect(result.code).to.equal(1);
        expect(result.stderr)
          .to.contain(dir.join(name))
          .and.to.match(/cannot be read/);
      });
    }

    it('an identity file that is none', async () => {
      await writeFile(dir.join('identity.pem'), 'nonsense');

      const result = await run(
        'tracker',
        '--port',
        '0',
        '--data',
        dir.join('data'),
        '--identity',
        dir.join('identity.pem'),
      );

      expect(result.code).to.equal(1);
      expect(result.stderr).to.contain(dir.join('identity.pem'));
    });

    it('under --json, to listen beyond loopback while a sample password works, and not once it was changed', async () => {
      const samples = join(projectRoot(), 'credentials.txt');
      const names = (await readFile(samples, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => line.split(' ', 1)[0]!);
      const beyond = ['tracker', '--json', '--host', '0.0.0.0', '--port', '0', '--data', dir.join('data')];
      const refused = await run(...beyond, '--credentials', samples);
      expect(refused.code).to.equal(1);
      for (const name of names) expect(refused.stderr).to.contain(`shoal user passwd ${name}`);
      expect(refused.result).to.include({ event: 'error' });

      await user(['passwd', names[0]!], { SHOAL_PASSWORD: 'better' });
      for (const name of names.slice(1, -1)) await user(['remove', name]);
      const last = await run(...beyond);
      expect(last.stderr).to.contain(`sample password of ${names.at(-1)}.`);
      await user(['disable', names.at(-1)!]);
      const tracker = await start({ host: '0.0.0.0', users: [] });
      expect(tracker.port).to.be.greaterThan(0);
    });
  });

  it('says plainly what is not in this version yet, and what it does not know', async () => {
    const notYet = await run('tracker', '--tls-cert', 'x', '--data', dir.join('data'));
    expect(notYet.code).to.equal(2);
    expect(notYet.stderr).to.contain('not in this version yet');
    const noStore = await run('tracker', '--store', 'mysql://root:secret@x/y', '--data', dir.join('data'));
    expect(noStore.code).to.equal(2);
    expect(noStore.stderr).to.contain('mysql://…@x/y is no store').and.not.to.contain('secret');
    expect((await run('tracker', '--prot', '1')).code).to.equal(2);
    expect((await run('tracker', '--port', 'x')).stderr).to.match(/--port is "x"/);
  });

  it('say that there is no store at a mistyped place, and make none there; who adds the first user is told of a new one', async () => {
    const typo = ['--data', dir.join('typo')];
    for (const words of [
      ['user', 'list'],
      ['user', 'passwd', 'zoe'],
      ['user', 'disable', 'zoe'],
      ['user', 'appoint', 'zoe'],
      ['group', 'list'],
      ['group', 'add', 'team'],
      ['admin', 'users'],
      ['admin', 'ban', 'user', 'zoe'],
    ]) {
      const { code, stderr } = await run(...words, ...typo);
      expect([code, stderr]).to.deep.equal([
        4,
        `shoal ${words[0]}: there is no store at ${dir.join('typo', 'tracker.sqlite')}. Say where it is with --data or --store.\n`,
      ]);
    }
    expect(await readdir(dir.path)).not.to.contain('typo');

    await writeFile(dir.join('users.txt'), 'zoe secret\n');
    const added = await run('user', 'import', dir.join('users.txt'), ...typo);
    expect([added.code, added.stderr]).to.deep.equal([
      0,
      `shoal: there was no store at ${dir.join('typo', 'tracker.sqlite')}; a new one is made\n`,
    ]);
    expect(await run('user', 'list', ...typo)).to.include({ code: 0, stderr: '', stdout: 'zoe: 0 publications\n' });
  });

  describe('shoal group', () => {
    it('adds, lists and removes groups, and changes their members, with and without --json', async () => {
      const group = (...args: string[]) => run('group', ...args, '--data', dir.join('data'));
      for (const name of ['zoe', 'yan']) await user(['add', name], { SHOAL_PASSWORD: 'secret' });

      expect((await group('list')).stdout).to.match(/^No groups\. Add one: npx shoal group add NAME --data .*\n$/);
      expect((await group('add', 'Team')).stdout).to.equal('group Team added\n');
      expect((await group('add', 'team')).code).to.equal(1);
      expect((await group('add', 'no name')).code).to.equal(1);
      expect((await group('join', 'team', 'zoe', 'YAN')).code).to.equal(0);
      expect((await group('join', 'team', 'nobody', 'zoe')).code).to.equal(4);
      expect((await group('join', 'nogroup', 'zoe')).code).to.equal(4);
      expect((await group('list')).stdout).to.equal('Team: yan, zoe\n');
      expect((await group('leave', 'team', 'zoe')).code).to.equal(0);
      expect((await group('list', '--json')).result?.['groups']).to.deep.equal([{ group: 'Team', members: ['yan'] }]);
      expect((await group('remove', 'team')).code).to.equal(0);
      expect((await group('remove', 'team')).code).to.equal(4);
    });
  });

  describe('shoal user', () => {
    it('adds, lists, disables, enables, removes and imports, with and without --json', async () => {
      await writeFile(dir.join('pw'), 'secret\n');
      expect((await user(['add', 'Zoe', '--password-file', dir.join('pw')])).stdout).to.equal('Zoe added\n');
      expect(await user(['add', 'zoe'], { SHOAL_PASSWORD: 'x' })).to.include({ code: 1, stdout: '' });
      expect((await user(['disable', 'zoe'])).stdout).to.match(/^Zoe disabled/);
      expect((await user(['list'])).stdout).to.equal('Zoe (disabled): 0 publications\n');
      expect((await user(['enable', 'zoe', '--json'])).result).to.include({ user: 'Zoe', change: 'enable' });
      expect((await user(['remove', 'nobody'])).code).to.equal(4);
      await writeFile(dir.join('more.txt'), 'zoe other\nyan secret\n');
      expect((await user(['import', dir.join('more.txt')])).stdout).to.equal(
        '1 user added, 1 known already and left as they are\n',
      );
      expect((await user(['remove', 'Zoe'])).code).to.equal(0);
      expect((await user(['list', '--json'])).result?.['users']).to.have.length(1);
    });

    it('leaves a row in the audit for whatever it has changed', async () => {
      await writeFile(dir.join('more.txt'), 'zoe other\n');
      for (const words of [
        ['import', dir.join('more.txt')],
        ['appoint', 'zoe'],
        ['dismiss', 'zoe'],
        ['remove', 'zoe'],
      ])
        await user(words);

      const { result } = await run('admin', 'audit', '--json', '--data', dir.join('data'));

      const noted = result?.['rows'] as { subject: string; detail: string }[];
      expect(noted.map(({ subject, detail }) => `${subject} ${detail}`)).to.deep.equal([
        'zoe user remove',
        'zoe dismiss',
        'zoe appoint',
        'zoe user add',
      ]);
    });

    it('takes no password from its arguments, and says where from when there is none', async () => {
      const result = await user(['add', 'zoe']);

      expect(result.code).to.equal(2);
      expect(result.stderr).to.contain('--password-file FILE or SHOAL_PASSWORD');
      expect((await user(['add', 'zoe', 'secret'])).code).to.equal(2);
    });

    it('works while the tracker runs: a new user can log in, a changed password ends sessions', async () => {
      const tracker = await start();
      const place = placeOf(tracker);
      const login = async (name: string, password: string): Promise<{ client: RawTcp; reply: RawReply }> => {
        const client = cleanUp.use(await RawTcp.open(place));
        return { client, reply: await client.ask(loginOf({ user: name, password, device: newDevice() }, place.pin)) };
      };
      await user(['add', 'zoe'], { SHOAL_PASSWORD: 'first' });
      const { client, reply } = await login('zoe', 'first');
      expect(reply.ok).to.equal(true);

      await user(['passwd', 'zoe'], { SHOAL_PASSWORD: 'second' });
      await client.event('ended');

      expect((await client.ask(request('heartbeat'))).error?.code).to.equal('session-ended');
      expect((await login('zoe', 'first')).reply.error?.code).to.equal('login-failed');
      expect((await login('zoe', 'second')).reply.ok).to.equal(true);
    });
  });

  it('keeps passwords out of its files, its log and its arguments', async () => {
    const secret = 'canary-password-7261';
    await writeFile(dir.join('people.txt'), `alice ${secret}\n`);
    const tracker = await start({
      credentials: dir.join('people.txt'),
      args: ['--log-level', 'debug', '--log-file', dir.join('log')],
    });
    const place = placeOf(tracker);
    const client = cleanUp.use(await RawTcp.open(place));
    await client.ask(loginOf({ user: 'alice', password: secret, device: newDevice() }, place.pin));
    client.write(`{"v":1,"id":"x","type":"login","password":"${secret}"}\n`);
    await client.reply('x');

    for (const name of await readdir(dir.join('data')))
      expect((await readFile(dir.join('data', name))).includes(secret), name).to.equal(false);
    expect(await readFile(dir.join('log'), 'utf8')).not.to.contain(secret);
    expect(await readFile(`/proc/${tracker.process.pid}/cmdline`, 'utf8')).not.to.contain(secret);
  });
});
