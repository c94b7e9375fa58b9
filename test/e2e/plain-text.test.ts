import { expect } from 'chai';
import { type CliResult, runCli } from '../support/program.js';
import { sha256File } from '../support/temp.js';
import { passwordOf, sharedEnvironment, World } from './world.js';

describe('text for people', () => {
  let world: World;
  let report: string;

  before(async () => {
    world = await World.open();
    await world.serve('alice');
    report = await world.file('alice', 'report.pdf', 300_000);
    await world.publish('alice', report);
  });

  after(() => world.end());

  describe('of commands', () => {
    it('counts and names without one escape code, whether or not NO_COLOR is set', async () => {
      const plain: CliResult[] = [];
      for (const args of [
        ['lpf'],
        ['lap'],
        ['sch', 'report'],
        ['sch', 'no such'],
        ['status'],
        ['get', 'nothing'],
        ['--help'],
        ['h'],
      ]) {
        plain.push(await world.cli('bob', args, { json: false }));
      }

      for (const { stdout, stderr } of plain) expect(stdout + stderr).not.to.match(/[\x00-\x09\x0b-\x1f\x7f]/);
      expect(plain.map(({ stdout, stderr }) => (stdout || stderr).split('\n', 1)[0])).to.include.members([
        'No files published',
        '1 active user:',
        '1 file found:',
        'No files found',
      ]);
      expect(plain[2]?.stdout).to.match(/report\.pdf.*alice/);
    });

    it('says published, unpublished, downloaded successfully', async () => {
      const path = await world.file('alice', 'plain.bin', 10);

      const published = await world.cli('alice', ['pub', path], { json: false });
      const fetched = await world.cli('bob', ['get', 'plain.bin'], { json: false });
      const withdrawn = await world.cli('alice', ['unp', 'plain.bin'], { json: false });

      world.noteContent('plain.bin', await sha256File(path));
      expect(published.stdout).to.match(/^plain\.bin published successfully/);
      expect(fetched.stdout).to.match(/^plain\.bin downloaded successfully/);
      expect(withdrawn.stdout).to.match(/^plain\.bin unpublished successfully/);
    });
  });

  describe('lines from standard input', () => {
    it('runs one after the other, prints plain text and ends with the first failure', async () => {
      await world.file('bob', 'from-lines.txt', 20);
      const stdin = `lap\nsch report\nget report.pdf --as lines.pdf\npub from-lines.txt\nlpf\nnonsense\nunp from-lines.txt\nxit\nlap\n`;
      const { home, data, downloads, files } = world.place('bob');

      const done = await runCli([], { ...(await who('bob')), home, data, downloads, cwd: files, stdin });

      world.noteContent('lines.pdf', await sha256File(report));
      expect(done.code).to.equal(2);
      expect(done.stdout).not.to.match(/\x1b/);
      const said = [
        '1 active user:',
        '1 file found:',
        'report.pdf downloaded successfully',
        'from-lines.txt published successfully',
      ];
      for (const text of [
        ...said,
        '1 file published:',
        'Unknown word: nonsense',
        'from-lines.txt unpublished successfully',
      ]) {
        expect(done.stdout + done.stderr).to.include(text);
      }
    });

    it('ends at once with 0 when there are no lines', async () => {
      const { home, data, downloads } = world.place('bob');

      const done = await runCli([], { ...(await who('bob')), home, data, downloads, stdin: '' });

      expect(done.code, done.stdout + done.stderr).to.equal(0);
    });
  });

  async function who(user: string) {
    return { user, password: passwordOf(user), tracker: world.address, env: await sharedEnvironment() };
  }
});
