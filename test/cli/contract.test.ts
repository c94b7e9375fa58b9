import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { LATER_WORDS } from '../../peer/cli/words.js';
import { FAKE_PIN } from '../daemon/fake-peer.js';
import { runCli } from '../support/program.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { FAKE_COMMAND, shoal, TRACKER } from './fake-shoal.js';

describe('shoal, the command line', () => {
  let dir: TempDir;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(() => dir[Symbol.asyncDispose]());

  describe('exit codes', () => {
    for (const [code, exit] of [
      ['usage', 2],
      ['bad-config', 2],
      ['not-yet', 2],
      ['login-failed', 3],
      ['not-allowed', 3],
      ['already-active', 3],
      ['untrusted-tracker', 3],
      ['pin-changed', 3],
      ['not-found', 4],
      ['no-source', 5],
      ['integrity', 6],
      ['tracker-unreachable', 7],
      ['exists', 1],
      ['disk-full', 1],
      ['internal', 1],
    ] as const) {
      it(`is ${exit} after ${code}, said once as an event and once in words`, async () => {
        const { code: exitCode, events, stderr } = await shoal(['get', `code-${code}`], { json: true });

        expect(exitCode).to.equal(exit);
        expect(events).to.deep.equal([{ event: 'error', code, message: `It failed with code-${code}` }]);
        expect(stderr.match(new RegExp(`It failed with code-${code}`, 'gi'))).to.have.length(1);
      });
    }

    it('is 0 after a success, which ends with one result', async () => {
      const { code, events, stderr } = await shoal(['get', 'quick'], { json: true });

      expect(code).to.equal(0);
      expect(events.slice(0, -1).every(({ event }) => event === 'transfer')).to.equal(true);
      expect(events.at(-1)).to.deep.include({ event: 'result', command: 'get' });
      expect(events.length).to.be.above(1);
      expect(stderr).to.match(/^quick downloaded successfully\n/);
    });

    it('is 3 after a wrong password, and 3 without any', async () => {
      const wrong = await shoal(['lpf'], { password: 'wrong' });
      const { password: _, ...nobody } = { ...wrong, password: '' };
      const none = await runCli(['lpf'], { command: FAKE_COMMAND, tracker: `${TRACKER}#${FAKE_PIN}`, user: 'ana' });

      expect([wrong.code, none.code]).to.deep.equal([3, 3]);
      expect(nobody.stderr).to.match(/wrong/);
      expect(none.stderr).to.match(/--password-file FILE.*SHOAL_PASSWORD/);
    });

    it('is that of the first failure when one path of several fails, and every path is told', async () => {
      await using peer = await tempDir();
      const { code, events } = await shoal(['unp', 'one'], { json: true, data: peer.path });
      const failed = await shoal(['pub', 'missing'], { json: true, data: peer.path });

      expect([code, events.at(-1)?.event]).to.deep.equal([0, 'result']);
      expect(failed.code).to.equal(4);
      expect(failed.events.at(-1)).to.deep.include({ event: 'error', code: 'not-found', command: 'pub' });
      expect(failed.events.at(-1)?.['outcomes']).to.have.length(1);
    });
  });

  describe('words', () => {
    for (const word of LATER_WORDS) {
      it(`knows that ${word} comes later`, async () => {
        const { code, stderr } = await shoal([word, '--some', 'thing']);

        expect(code).to.equal(2);
        expect(stderr).to.match(/^Not in this version yet\./);
      });
    }

    for (const [words, hint] of [
      [['lpff'], /Did you mean lpf\?/],
      [['trakcer'], /Did you mean tracker\?/],
      [['frobnicate'], /no command "frobnicate"\. See shoal --help/],
      [['--trakcer', 'x', 'lpf'], /Did you mean --tracker\?/],
      [['lpf', '--jsn'], /Did you mean --json\?/],
      [['help', 'frobnicate'], /no command "frobnicate"/],
      [['h', 'lpff'], /Did you mean lpf\?/],
      [['get'], /SELECTOR/],
      [['get', 'a', 'b'], /too many arguments|argument/i],
      [['trust', 'ad'], /Did you mean add\?/],
      [['lpf', '--password', 'secret'], /never an argument/],
      [['rights', 'a', '--passcode=secret'], /never an argument/],
      [['sch', 'x', '--limit', '0'], /--limit/],
      [['link', 'x', '--expires', 'soon'], /--expires/],
      [['lpf', '--port', '70000'], /--port.*65535/],
      [['lpf', '--tracker', 'a b'], /HOST:PORT/],
      [['lpf', '--user', '../x'], /user name/i],
      [[''], /no command ""/],
    ] as const) {
      it(`refuses ${JSON.stringify(words)} with code 2 and says what would do`, async () => {
        const { code, stdout, stderr } = await runCli(words, { command: FAKE_COMMAND, password: 'secret' });

        expect(code).to.equal(2);
        expect(stdout).to.equal('');
        expect(stderr).to.match(hint);
        expect(stderr.trim().split('\n')).to.have.length(1);
      });
    }

    it('answers a line that cannot be parsed in JSON too', async () => {
      const { code, events } = await runCli(['gte', '--json'], { command: FAKE_COMMAND });

      expect(code).to.equal(2);
      expect(events.map(({ event, code: problem }) => [event, problem])).to.deep.equal([['error', 'usage']]);
    });

    for (const args of [
      ['help', 'get'],
      ['h', 'get'],
      ['get', '--help'],
    ]) {
      it(`shows the help on get with ${args.join(' ')}`, async () => {
        const { code, stdout } = await runCli(args, { command: FAKE_COMMAND });

        expect(code).to.equal(0);
        expect(stdout).to.match(/^Usage: shoal get /);
        for (const line of stdout.split('\n')) expect(line.length, line).to.be.at.most(80);
      });
    }

    for (const args of [['--help'], ['-h'], ['help'], ['h']]) {
      it(`shows every word under ${args.join(' ')}`, async () => {
        const { code, stdout } = await runCli(args, { command: FAKE_COMMAND });

        expect(code).to.equal(0);
        for (const line of stdout.split('\n')) expect(line.length, line).to.be.at.most(80);
        for (const word of [
          'lap',
          'lpf',
          'pub',
          'unp',
          'sch',
          'get',
          'xit',
          'serve',
          'trust',
          'tracker',
          '--password-file',
        ]) {
          expect(stdout).to.contain(word);
        }
        expect(stdout).to.not.match(/--password </);
      });
    }

    it('shows the version of the package', async () => {
      const { stdout } = await runCli(['--version'], { command: FAKE_COMMAND });

      expect(stdout).to.match(/^\d+\.\d+\.\d+\n$/);
    });

    it('opens the interface without a word', async () => {
      const { code, stdout } = await runCli(['--user', 'ana'], { command: FAKE_COMMAND, home: dir.path });

      expect(code).to.equal(0);
      expect(stdout).to.equal(`interface for ana at ${TRACKER} into the usual folder\n`);
      expect((await stat(dir.join('Downloads', 'Shoal'))).isDirectory()).to.equal(true);
    });
  });

  describe('what goes in', () => {
    it('takes options before and after the word', async () => {
      const { code, events } = await runCli(['--json', '--user', 'ana', 'lpf', '--tracker', `${TRACKER}#${FAKE_PIN}`], {
        command: FAKE_COMMAND,
        password: 'secret',
      });

      expect([code, events.at(-1)?.event]).to.deep.equal([0, 'result']);
    });

    it('passes every option of a search on', async () => {
      const { stdout } = await shoal(['sch', 'a b', '-i', '--all', '--limit', '7', '--cursor', 'c']);

      expect(stdout).to.contain('{"text":"a b","ignoreCase":true,"all":true,"limit":7,"cursor":"c"}');
    });

    it('passes every filter on, in bytes and ms, and refuses a search for nothing', async () => {
      const filters = ['--owner', '@bob', '--min-size', '1K', '--type', 'pdf', '--sort', 'largest'];
      const { stdout } = await shoal(['sch', ...filters]);
      const nothing = await shoal(['sch']);

      expect(stdout).to.contain('{"text":"","owner":"bob","minSize":1024,"endings":["pdf"],"sort":"largest"}');
      expect(nothing.code).to.equal(2);
      expect(nothing.stderr).to.match(/TEXT/);
    });

    it('lists everything, mine too, without a text', async () => {
      const { stdout, stderr } = await shoal(['list']);

      expect(stdout).to.contain('{"text":"","mine":true}');
      expect(stderr).to.contain('--cursor next');
    });

    for (const selector of [
      '@bob/a b.txt',
      'id:abababababababab',
      '-dash',
      'ÄÖ',
      '0123456789abcdef',
      "it's",
      '  two  ',
    ]) {
      it(`hands the selector ${JSON.stringify(selector)} over untouched`, async () => {
        const { events } = await shoal(['sources', '--', selector], { json: true });

        expect(events.at(-1)).to.have.nested.property('publication.name', selector);
      });
    }

    it('reads the password from a file, its first line alone', async () => {
      const { password: _, ...options } = {
        password: '',
        command: FAKE_COMMAND,
        tracker: `${TRACKER}#${FAKE_PIN}`,
        user: 'ana',
      };
      await writeFile(dir.join('secret.txt'), 'secret\r\nnot this\n');
      await writeFile(dir.join('empty.txt'), '\n');

      const right = await runCli(['lpf'], { ...options, passwordFile: dir.join('secret.txt') });
      const empty = await runCli(['lpf'], { ...options, passwordFile: dir.join('empty.txt') });
      const missing = await runCli(['lpf'], { ...options, passwordFile: dir.join('none.txt') });

      expect([right.code, empty.code, missing.code]).to.deep.equal([0, 2, 1]);
      expect(missing.stderr).to.contain(dir.join('none.txt'));
    });

    it('takes settings from the config file, below the environment, below the flags', async () => {
      await mkdir(dir.join('data'), { mode: 0o700 });
      const config = { user: 'from-file', tracker: `${TRACKER}#${FAKE_PIN}` };
      await writeFile(dir.join('data', 'config.json'), JSON.stringify(config));
      const base = { command: FAKE_COMMAND, password: 'secret', data: dir.join('data'), json: true };
      const userOf = async (options: object): Promise<unknown> =>
        (await runCli(['whoami'], { ...base, ...options })).result?.['user'];

      expect(await userOf({})).to.equal('from-file');
      expect(await userOf({ env: { SHOAL_USER: 'from-env' } })).to.equal('from-env');
      expect(await userOf({ env: { SHOAL_USER: 'from-env' }, user: 'from-flag' })).to.equal('from-flag');
    });

    it('refuses unknown settings with the nearest known one', async () => {
      await mkdir(dir.join('data'), { mode: 0o700 });
      await writeFile(dir.join('data', 'config.json'), '{"traker":"x"}');

      const file = await shoal(['lpf'], { data: dir.join('data') });
      const environment = await shoal(['lpf'], { env: { SHOAL_USR: 'x' } });

      expect([file.code, environment.code]).to.deep.equal([2, 2]);
      expect(file.stderr).to.match(/traker.*Did you mean tracker\?/);
      expect(environment.stderr).to.match(/SHOAL_USR.*Did you mean SHOAL_USER\?/);
    });

    it('says that a passcode in the environment alone locks nothing', async () => {
      const env = { SHOAL_PASSCODE: 'open sesame' };
      const open = await shoal(['pub', 'missing'], { env });
      const locked = await shoal(['pub', 'missing', '--passcode'], { env });

      expect(open.stderr).to.match(/^The passcode in SHOAL_PASSCODE .* add --passcode\.\n/);
      expect(locked.stderr).to.not.contain('--passcode');
      expect(open.stderr).to.not.contain('sesame');
    });

    it('reads no .env: a file in a folder of downloads must not configure anything', async () => {
      await writeFile(dir.join('.env'), 'SHOAL_USER=mallory\nPORT=1\n');

      const { result } = await shoal(['whoami'], { cwd: dir.path, data: dir.path, json: true });

      expect(result?.['user']).to.equal('ana');
    });
  });

  describe('what comes out', () => {
    it('holds no escape code without a terminal, and none of a hostile name', async () => {
      const plain = await shoal(['sch', 'evil']);
      const json = await shoal(['sch', 'evil'], { json: true });

      const hostile = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/;
      for (const text of [plain.stdout, plain.stderr, json.stdout, json.stderr]) expect(text).to.not.match(hostile);
      expect(json.result).to.have.nested.property('publications[0].name', 'x\x1b]0;pwned\x07\u202e\u009b1m');
    });

    it('is quiet about a reader that has gone', async () => {
      const [file, ...first] = FAKE_COMMAND;
      const line = `"$@" list --user ana | true; echo "ended \${PIPESTATUS[0]}"`;
      const words = ['-c', line, 'bash', file, ...first];

      const { stdout, stderr } = await runCli([], {
        command: ['bash', ...words],
        password: 'secret',
        env: { SHOAL_TRACKER: `${TRACKER}#${FAKE_PIN}` },
      });

      expect(stderr).to.not.match(/EPIPE|Error/);
      expect(stdout).to.match(/^ended [01]\n$/);
    });

    it('prints the id of a file without user and tracker', async () => {
      const { code, stdout } = await runCli(['id', 'some.bin'], { command: FAKE_COMMAND });

      expect([code, stdout]).to.deep.equal([0, `${'cd'.repeat(32)}\n`]);
    });
  });

  describe('trust', () => {
    const trust = (args: readonly string[], env = {}) =>
      runCli(['trust', ...args], { command: FAKE_COMMAND, data: dir.join('data'), env });

    it('is listed without another word', async () => {
      const none = await trust([]);
      await trust(['add', `host:1#${FAKE_PIN}`]);
      const one = await trust([]);

      expect([none.code, one.code]).to.deep.equal([0, 0]);
      expect(none.stdout).to.match(/^No trackers trusted\. Add one with: .*shoal trust add HOST:PORT#PIN/);
      expect(one.stdout).to.equal(`host:1 ${FAKE_PIN}\n`);
    });

    it('is added, listed and forgotten', async () => {
      const added = await trust(['add', `host:1#${FAKE_PIN}`]);
      const listed = await trust(['list']);
      const forgotten = await trust(['forget', 'HOST:1']);
      const again = await trust(['forget', 'host:1']);

      expect([added, listed, forgotten, again].map(({ code }) => code)).to.deep.equal([0, 0, 0, 4]);
      expect(again.stderr).to.match(/^There is no pin of host:1 to forget\. See /);
      expect(listed.stdout).to.equal(`host:1 ${FAKE_PIN}\n`);
      expect(await readFile(dir.join('data', 'trust.json'), 'utf8')).to.equal('{}\n');
    });

    it('is not given to a pin that nobody confirmed', async () => {
      const { code, stderr } = await trust(['add', 'host:1']);

      expect(code).to.equal(3);
      expect(stderr).to.contain(`shoal trust add 'host:1#${FAKE_PIN}'`);
      const left = await readdir(dir.path);
      expect(left).to.deep.equal([]);
    });

    it('never moves to another pin by itself', async () => {
      await trust(['add', `host:1#${FAKE_PIN}`]);

      const { code, stderr } = await trust(['add', `host:1#sha256:${'0'.repeat(64)}`]);

      expect(code).to.equal(3);
      expect(stderr).to.contain('shoal trust forget host:1');
    });

    it('is asked for at the first contact, and given by --trust-on-first-use', async () => {
      const options = {
        command: FAKE_COMMAND,
        tracker: TRACKER,
        user: 'ana',
        password: 'secret',
        data: dir.join('data'),
      };

      const refused = await runCli(['lpf'], { ...options, json: true });
      const trusted = await runCli(['lpf', '--trust-on-first-use'], options);
      const known = await runCli(['lpf'], options);

      expect([refused, trusted, known].map(({ code }) => code)).to.deep.equal([3, 0, 0]);
      expect(refused.result).to.include({ code: 'untrusted-tracker', pin: FAKE_PIN });
    });
  });
});
