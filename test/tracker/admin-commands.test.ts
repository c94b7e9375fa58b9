/** `shoal admin …` beside a running tracker, and settings that it takes up while it runs. With real processes. */
import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { runCli, type TrackerHandle } from '../support/program.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { RawTcp } from './raw-client.js';
import { loginOf, publishOf, type RawReply, userOf } from './raw-messages.js';
import { placeOf, startTrackerProcess } from './tracker-process.js';

describe('shoal admin', () => {
  let cleanUp: AsyncDisposableStack;
  let dir: TempDir;
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    dir = cleanUp.use(await tempDir({ ram: true }));
  });
  afterEach(() => cleanUp.disposeAsync());

  const admin = (...words: string[]) =>
    runCli(['admin', ...words, '--data', dir.join('data')], { home: dir.path, env: { SHOAL_PASSWORD: 'my-own' } });
  const start = async (...args: string[]): Promise<TrackerHandle> =>
    cleanUp.use(await startTrackerProcess({ data: dir.join('data'), users: ['alice', 'bob'], args }));
  const enter = async (tracker: TrackerHandle, user: string): Promise<{ client: RawTcp; reply: RawReply }> => {
    const client = cleanUp.use(await RawTcp.open(placeOf(tracker)));
    return { client, reply: await client.ask(loginOf(userOf(user), placeOf(tracker).pin)) };
  };

  it('bans beside a running tracker, and shows and exports what was done', async () => {
    const tracker = await start();
    const { client } = await enter(tracker, 'bob');

    const banned = await admin('ban', 'user', 'bob', '--reason', 'Too loud.', '--for', '1h');
    await client.event('ended');

    expect(banned.stdout).to.match(/^user bob is banned until \d{4}-/);
    expect((await enter(tracker, 'bob')).reply.error?.code).to.equal('banned');
    expect((await admin('bans')).stdout).to.match(/^kind +subject +reason +at +until\nuser +bob +Too loud\. /);
    expect((await admin('unban', 'user', 'bob')).stdout).to.match(/^no ban names user bob any more/);
    await waitFor(async () => (await enter(tracker, 'bob')).reply.ok === true, { what: 'bob to be let in again' });
    const audit = await admin('audit', '--kind', 'admin', '--since', '1h', '--json');
    expect(((audit.result?.['rows'] ?? []) as { detail: string }[]).map(({ detail }) => detail)).to.deep.equal([
      'unban user',
      'ban user Too loud.',
    ]);
    const csv = (await admin('audit', '--of', 'bob', '--limit', 'all', '--csv')).stdout;
    expect(csv).to.match(/^id,at,kind,user,.*\r\n"\d+","\d{4}-.*Z","login","bob"/);
  });

  it('says what it does not understand, what is not there, and what only a running tracker knows', async () => {
    await (await start()).process.stop();
    for (const [words, code, text] of [
      [['ban', 'network', '10.0.0.0/99'], 2, 'from 0 to 32'],
      [['ban', 'user', 'nobody'], 4, 'There is no user nobody, so nothing was changed.'],
      [['add', 'carol'], 2, 'no password: give --new-password-file FILE, or'],
      [['sessions'], 1, '--tracker HOST:PORT'],
    ] as const) {
      const result = await admin(...words);
      expect(result.code, words.join(' ')).to.equal(code);
      expect(result.stderr, words.join(' ')).to.contain(text);
    }
    expect((await admin('log-level', 'debug')).code).to.equal(1);
    expect((await admin('audit', '--kind', 'admin')).stdout).to.equal('None.\n');
    expect((await admin('grant', 'bob')).stdout).to.equal('bob has admin rights\n');
    expect((await admin('users')).stdout).to.match(/bob +active +true/);
  });

  for (const [how, ask] of [
    ['SIGHUP', async (tracker: TrackerHandle) => void process.kill(tracker.process.pid, 'SIGHUP')],
    ['shoal admin reload', async () => void (await admin('reload'))],
  ] as const) {
    it(`takes up new settings by ${how} without a restart, keeps the old ones when they are wrong, and says so`, async () => {
      const config = dir.join('config.json');
      const log = dir.join('log');
      await writeFile(config, JSON.stringify({ quota: 1, logFile: log }));
      const tracker = await start('--config', config);
      const { client } = await enter(tracker, 'alice');
      const publish = async (name: string): Promise<string> =>
        (await client.ask(publishOf(name)))['results'][0].error?.code ?? 'ok';
      const said = (text: string) => waitFor(() => tracker.process.stderrText.includes(text), { what: text });
      expect([await publish('a'), await publish('b')]).to.deep.equal(['ok', 'quota']);

      await writeFile(config, JSON.stringify({ quota: 2, logFile: log, advertise: 'elsewhere' }));
      await ask(tracker);
      await said('the settings were read again');
      await said('a new start is needed for --advertise');
      expect([await publish('b'), await publish('c')]).to.deep.equal(['ok', 'quota']);
      const isLogged = async () => (await readFile(log, 'utf8')).includes('the settings were read again');
      await waitFor(isLogged, { what: 'the log, which goes on' });

      await writeFile(config, JSON.stringify({ quota: 'many' }));
      await ask(tracker);
      await said('the old ones stay');
      expect(await publish('c')).to.equal('quota');
    });
  }
});
