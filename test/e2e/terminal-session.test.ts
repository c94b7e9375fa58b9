import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { shoalCommand } from '../support/shoal-command.js';
import { sameBytes, sha256File } from '../support/temp.js';
import { MOST_REDRAWS_SEEN_IN_ONE_SECOND, mostInOneSecond, type Terminal } from '../support/terminal.js';
import { enter, expectGivenBack, logInAt, openUserTerminal, say } from './terminal-users.js';
import { inWorld, World } from './world.js';

const MIB = 1024 * 1024;

/** One look at the row of a transfer: its percent and the filled cells of its bar. */
interface BarLook {
  readonly percent: number;
  readonly filled: number;
}

describe('a session of two users at their terminals', function () {
  this.timeout(90_000);

  it(
    'logs in, publishes, lists, searches, fetches with a moving bar, withdraws and leaves, all to be read on the screen',
    inWorld({ ram: true }, async (world) => {
      const path = await world.file('alice', 'film.bin', 24 * MIB);
      await world.file('alice', 'two.bin', 1000, 2);
      await using alice = await openUserTerminal(world, 'alice', { env: { SHOAL_UPLOAD_LIMIT: String(8 * MIB) } });
      await using bob = await openUserTerminal(world, 'bob');
      const [a, b] = [alice.terminal, bob.terminal];

      await logInAt(a, world, 'alice', { password: 'not my password' });
      await a.waitForText(/Wrong user or password/);
      expect(a.screen().join('\n')).not.to.include('not my password');
      a.type('the secret');
      await a.waitForText(/•{10}/);
      a.type(' of alice\r');
      await a.waitForText('Welcome to Shoal, alice.');
      await enter(b, world, 'bob');
      await say(b, 'lpf', 'No files published');
      await say(a, 'pub film.bin two.bin', 'film.bin published successfully');
      await say(a, 'lpf', '2 files published:');
      await a.waitForText(/film\.bin\s+24\.0 MiB\s+public\s+1\s+[0-9a-f]{16}/);
      await say(b, 'lap', /1 active user:[\s\S]*alice\s+2/);
      await say(b, 'sch film', /1 file found:[\s\S]*film\.bin\s+24\.0 MiB\s+alice/);
      await say(b, 'sch FILM', 'No files found');
      await say(b, 'sch FILM -i', '1 file found:');

      b.type('get film.bin\r');
      const looks = await watchBar(b, 'film.bin');
      await b.waitForText('film.bin downloaded successfully', { timeoutMs: 30_000 });
      const fetched = join(bob.place.downloads, 'film.bin');

      print(`bar of film.bin: ${looks.map(({ percent, filled }) => `${percent}% (${filled} cells)`).join(', ')}`);
      expect(looks.length, 'the bar was seen at several moments').to.be.at.least(4);
      expect(looks.map(({ percent }) => percent)).to.deep.equal(
        looks.map(({ percent }) => percent).toSorted((x, y) => x - y),
      );
      expect(looks.at(-1)!.filled).to.be.above(looks[0]!.filled);
      expect(await sameBytes(path, fetched)).to.equal(true);
      world.noteContent('film.bin', await sha256File(path));

      await say(b, 'get nothing.bin', /File not found/);
      await say(a, 'unp film.bin', 'film.bin unpublished successfully');
      await say(b, 'sch film', 'No files found');
      await say(a, 'h', /pub PATH/);
      expectCalmScreen(a);
      expectCalmScreen(b);

      for (const terminal of [a, b]) {
        terminal.type('xit\r');
        expect(await terminal.waitForExit()).to.deep.equal({ code: 0, signal: null });
        await expectGivenBack(terminal);
      }
      world.noteContent('two.bin', await sha256File(join(alice.place.files, 'two.bin')));
      expect((await world.cli('alice', ['lpf'])).stdout).to.include('two.bin');
    }),
  );

  it(
    'goes on typing while a download runs: commands answer, history and completion work',
    inWorld({ ram: true }, async (world) => {
      await world.serve('alice', { args: ['--upload-limit', String(2 * MIB)] });
      await world.publish('alice', await world.file('alice', 'background.bin', 64 * MIB));
      await using bob = await openUserTerminal(world, 'bob');
      const { terminal } = bob;
      await enter(terminal, world, 'bob');
      terminal.type('get background.bin\r');
      await terminal.waitForText(/background\.bin\s+\[/);

      await say(terminal, 'lap', '1 active user:');
      terminal.press('up');
      await terminal.waitForText(/> lap$/m);
      terminal.press('escape');
      terminal.press('ctrl-u');
      terminal.type('sou');
      terminal.press('tab');
      await terminal.waitForText(/> sources/);
      terminal.press('ctrl-u');
      await say(terminal, 'cancel', /background\.bin/);
      terminal.type('xit\r');

      expect((await terminal.waitForExit()).code).to.equal(0);
      await expectGivenBack(terminal);
      world.mayBeUnfinished('background.bin');
    }),
  );

  it(
    'waits for a tracker that is started later, then asks about its fingerprint and goes in',
    inWorld({}, async (world) => {
      await world.killTracker();
      await using alice = await openUserTerminal(world, 'alice');
      const { terminal } = alice;
      await logInAt(terminal, world, 'alice', { isNew: false });
      await terminal.waitForText(/Tracker not responding/);

      await world.startTracker();
      await terminal.waitForText(/First contact/, { timeoutMs: 20_000 });
      terminal.type('yes\r');

      await terminal.waitForText('Welcome to Shoal, alice.');
      terminal.type('xit\r');
      expect((await terminal.waitForExit()).code).to.equal(0);
    }),
  );

  it(
    'says that the tracker does not respond while it is away, stays usable, and comes back by itself',
    inWorld({}, async (world) => {
      await using alice = await openUserTerminal(world, 'alice');
      const { terminal } = alice;
      await enter(terminal, world, 'alice');

      await world.killTracker();
      await say(terminal, 'lap', /Tracker not responding/);
      await terminal.waitForText(/retry in|connecting/);
      await say(terminal, 'h', /pub PATH/);
      await world.startTracker();
      await terminal.waitForText(/● online/, { timeoutMs: 15_000 });
      await say(terminal, 'lap', 'No active users');

      expectCalmScreen(terminal);
      terminal.type('xit\r');
      expect((await terminal.waitForExit()).code).to.equal(0);
    }),
  );

  it(
    'shows what others named with escapes, bidi and invisible characters as visible codes, and refuses to write such a name',
    inWorld({}, async (world) => {
      await world.serve('alice');
      await world.publish('alice', await world.file('alice', 'evil.bin', 100));
      await renameInStore(world, 'evil.bin', 'evil\x1b]0;pwned\x07\x1b[31m\u202etxt.bin');
      await using bob = await openUserTerminal(world, 'bob', { cols: 100 });
      const { terminal } = bob;
      await enter(terminal, world, 'bob');

      await say(terminal, 'sch evil', /evil<U\+001B>/);
      const id = (await terminal.waitForText(/\b[0-9a-f]{16}\b/))[0];
      await say(terminal, `get id:${id}`, /Name not allowed|not allowed/i);
      const line = await world.cli('bob', ['sch', 'evil'], { json: false, data: world.path('other') });

      expect(terminal.recording.text).not.to.include('pwned\x07');
      expect(line.stdout)
        .to.include('evil<U+001B>')
        .and.not.to.match(/[\x1b\x07\u202e]/);
      expect(await readdir(bob.place.downloads).catch(() => [])).to.deep.equal([]);
      terminal.type('xit\r');
      await terminal.waitForExit();
      await renameInStore(world, /^evil/, 'evil.bin');
    }),
  );

  it(
    'works at 40 columns, and follows the window when it changes its size',
    inWorld({}, async (world) => {
      await world.serve('bob');
      await world.file('alice', 'a-rather-long-name-of-a-file.bin', 100);
      await using alice = await openUserTerminal(world, 'alice', { cols: 40, rows: 12 });
      const { terminal } = alice;
      await enter(terminal, world, 'alice');

      await say(terminal, 'pub a-rather-long-name-of-a-file.bin', /published/);
      await say(terminal, 'lpf', '1 file published:');
      const narrow = terminal.screen();
      terminal.resize(100, 30);
      await terminal.waitForText(/─{100}/);
      const wide = terminal.screen();
      terminal.resize(30, 8);
      await terminal.waitUntil(
        'the narrow frame',
        (shown) => shown.screen().some((row) => row === '─'.repeat(30)) || shown.screen().join('').includes('> '),
      );
      terminal.resize(80, 24);
      await terminal.waitForText(/─{80}/);
      await say(terminal, 'lap', '1 active user:');

      expect(narrow[0]).to.match(/alice/);
      expect(
        narrow.findLastIndex((row) => row !== ''),
        'the last row stays free',
      ).to.be.at.most(10);
      expect(narrow.join('\n')).to.match(/^> ?$/m);
      expect(wide[0]).to.match(/Shoal {2}alice @ .*online$/);
      expectCalmScreen(terminal);
      terminal.type('xit\r');
      expect((await terminal.waitForExit()).code).to.equal(0);
      await expectGivenBack(terminal);
    }),
  );

  it(
    'survives a megabyte pasted into the command line and unknown words, and says so',
    inWorld({}, async (world) => {
      await using alice = await openUserTerminal(world, 'alice');
      const { terminal } = alice;
      await enter(terminal, world, 'alice');

      await say(terminal, 'gte film', /Unknown word: gte.*Did you mean get\?/);
      await say(terminal, 'doctor', /Not in this version yet/);
      await say(terminal, 'pub "no end', /quote/i);
      terminal.paste('x'.repeat(MIB));
      terminal.press('ctrl-u');
      await say(terminal, 'lap', 'No active users', 30_000);

      terminal.press('ctrl-c', 'ctrl-c');
      await terminal.waitForExit();
      await expectGivenBack(terminal);
    }),
  );
});

describe('the terminal after the end', () => {
  let world: World;

  before(async () => {
    world = await World.open({ users: ['ann', 'ben', 'cleo', 'dan', 'eve', 'observer'] });
  });

  after(() => world.end());

  it('is as it was after Ctrl-C on the login screen and after Ctrl-C on the main screen', async () => {
    await using first = await openUserTerminal(world, 'ann');
    await first.terminal.waitForText(/Password/);
    first.terminal.press('ctrl-c');
    await first.terminal.waitForExit();
    await expectGivenBack(first.terminal);

    await using second = await openUserTerminal(world, 'ann');
    await enter(second.terminal, world, 'ann');
    second.terminal.press('ctrl-c');
    const end = await second.terminal.waitForExit();

    expect(end.signal).to.equal(null);
    await expectGivenBack(second.terminal);
    using observer = await world.rawSession('observer');
    expect(await observer.request('listPeers', {}), 'the session ended with it').to.deep.include({ peers: [] });
  });

  for (const [signal, user] of [
    ['SIGTERM', 'ben'],
    ['SIGHUP', 'cleo'],
  ] as const) {
    it(`is as it was after ${signal}`, async () => {
      await using ended = await openUserTerminal(world, user);
      await enter(ended.terminal, world, user);

      await ended.terminal.kill(signal);
      await ended.terminal.waitForExit();

      await expectGivenBack(ended.terminal);
    });
  }

  it('is as it was after a crash inside the program, which then ends with 1 and says what happened', async () => {
    const crash = world.path('crash.cjs');
    await writeFile(crash, `process.on('SIGUSR2', () => { throw new Error('a crash on purpose'); });`);
    await using dan = await openUserTerminal(world, 'dan', { env: { NODE_OPTIONS: `--require ${crash}` } });
    await enter(dan.terminal, world, 'dan');

    await dan.terminal.kill('SIGUSR2');
    const end = await dan.terminal.waitForExit();

    expect(end.code).to.equal(1);
    expect(dan.terminal.history().join('\n')).to.include('a crash on purpose');
    await expectGivenBack(dan.terminal);
  });

  it('is as it was when the program that started it is killed and the terminal stays', async () => {
    const note = world.path('parent');
    // The inner shell is the peer's parent; the outer one stays and lets the terminal live.
    const wait = `while kill -0 "$(cat "${note}.child")" 2>/dev/null; do sleep 0.05; done`;
    const script = `sh -c 'echo $$ >"$0.new"; mv "$0.new" "$0"; "$@"; exit' "${note}" "$@" || ${wait}`;
    const child = `echo $$ >"${note}.child"; exec "$@"`;
    const command = ['sh', '-c', script, 'sh', 'sh', '-c', child, 'sh', ...shoalCommand()] as const;
    await using eve = await openUserTerminal(world, 'eve', { command });
    await enter(eve.terminal, world, 'eve');
    process.kill(Number(await readFile(note, 'utf8')), 'SIGKILL');

    await say(eve.terminal, 'h', /pub PATH/);
    eve.terminal.type('xit\r');
    await eve.terminal.waitForExit();

    await expectGivenBack(eve.terminal);
  });
});

/** Reads the cells of a transfer's row until it is done. */
async function watchBar(terminal: Terminal, name: string): Promise<BarLook[]> {
  const looks: BarLook[] = [];
  const bar = new RegExp(`${RegExp.escape(name)}\\s+\\[(█*)(░*)\\]\\s+(\\d+)%`);
  await terminal.waitUntil(
    'the bar to come to its end',
    (shown) => {
      const found = bar.exec(shown.screen().join('\n'));
      const percent = Number(found?.[3] ?? -1);
      if (found !== null && percent !== looks.at(-1)?.percent) looks.push({ percent, filled: found[1]?.length ?? 0 });
      return percent === 100;
    },
    { timeoutMs: 30_000 },
  );
  return looks;
}

/** At most ten redraws in any second, one write each, and the display is never erased as a whole after the first frame. */
function expectCalmScreen(terminal: Terminal): void {
  const { recording } = terminal;
  const frames = recording.timesOf('\x1b[?2026h');
  const most = mostInOneSecond(frames);
  const firstFrame = recording.text.indexOf('Shoal');
  expect(frames.length, 'frames are marked').to.be.above(0);
  expect(most, 'redraws in one second').to.be.at.most(MOST_REDRAWS_SEEN_IN_ONE_SECOND);
  expect(recording.text.slice(firstFrame)).not.to.match(/\x1b\[[23]J|\x1bc/);
  print(`${frames.length} frames, at most ${most} in a second`);
}

/** Puts a name into the tracker's store that the tracker itself would refuse, as a broken or hostile tracker could. */
async function renameInStore(world: World, from: string | RegExp, to: string): Promise<void> {
  const names = await readdir(world.tracker.data, { recursive: true });
  const file = names.find((name) => /\.(sqlite|db)3?$/.test(name));
  if (file === undefined) throw new Error(`no store among ${names.join(', ')}`);
  using database = new DatabaseSync(join(world.tracker.data, file), { timeout: 5000 });
  const rows = database.prepare('SELECT name FROM publications').all() as { name: string }[];
  const found = rows.find(({ name }) => (typeof from === 'string' ? name === from : from.test(name)));
  const { changes } = database.prepare('UPDATE publications SET name = ? WHERE name = ?').run(to, found?.name ?? '');
  expect(changes).to.equal(1);
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
