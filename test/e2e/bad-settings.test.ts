import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeCredentials } from '../support/accounts.js';
import { runCli, startProgram } from '../support/program.js';
import { projectRoot } from '../support/shoal-command.js';
import { errorCodeOf, expectOneLine } from './json-results.js';
import { World } from './world.js';

describe('bad settings', () => {
  let world: World;

  before(async () => {
    world = await World.open();
  });

  after(() => world.end());

  it('refuses unknown settings with the nearest known one, wherever they stand', async () => {
    const data = world.path('bad-config');
    await mkdir(data);
    await writeFile(join(data, 'config.json'), '{"donwloads": "x"}');
    const file = await runCli(['lap'], { data });
    await writeFile(join(data, 'config.json'), '{not json');
    const broken = await runCli(['lap'], { data });
    const environment = await runCli(['lap'], { env: { SHOAL_TRAKCER: 'x:1' } });
    const port = await runCli(['lap', '--port', '99999'], {});

    expect(file.stderr).to.match(/"donwloads".*Did you mean downloads\?/);
    expect(environment.stderr).to.match(/SHOAL_TRAKCER.*SHOAL_TRACKER/);
    for (const done of [file, broken, environment, port]) {
      expect(done.code).to.equal(2);
      expectOneLine(done.stderr);
    }
  });

  it('refuses a broken trust file instead of trusting anybody anew, and leaves it as it is', async () => {
    const data = world.path('bad-trust');
    await mkdir(data);
    for (const text of ['{', '[]', '{"h:1": 5}', '{"h:1": "sha256:00"}']) {
      await writeFile(join(data, 'trust.json'), text);

      const done = await world.cli('bob', ['lap', '--trust-on-first-use'], {
        data,
        tracker: `${world.tracker.host}:${world.tracker.port}`,
      });

      expect([done.code, errorCodeOf(done)], text).to.deep.equal([2, 'bad-config']);
      expectOneLine(done.stderr);
      expect(await readFile(join(data, 'trust.json'), 'utf8')).to.equal(text);
    }
  });

  it('refuses bad tracker addresses and users before anything is sent', async () => {
    for (const tracker of ['', 'a:b:c', 'host:0', 'host:70000', 'host:1#sha256:12', 'ho st:1', 'host:1#']) {
      const done = await world.cli('bob', ['lap'], { tracker });
      expect(done.code, tracker).to.equal(2);
      expectOneLine(done.stderr);
    }
    for (const user of ['..', 'a/b', '-x', 'x'.repeat(65), 'a\nb']) {
      const done = await world.cli('bob', ['lap', `--user=${user}`], { user: undefined as never });
      expect(done.code, user).to.equal(2);
      expectOneLine(done.stderr);
    }
  });

  it('says which port is taken, at the tracker and at a peer', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = String((server.address() as { port: number }).port);
    const credentials = await writeCredentials(world.path('t2-credentials'), { alice: 'a' });
    const words = ['tracker', '--port', port, '--data', world.path('t2'), '--credentials', credentials];
    await using tracker = await startProgram(words, {});
    const trackerEnd = await tracker.waitForExit();
    const peer = await world.cli('bob', ['serve', '--port', port]);
    server.close();

    expect(trackerEnd.code).to.equal(1);
    expect(tracker.stderrText).to.include(port);
    expectOneLine(tracker.stderrText);
    expect([peer.code, errorCodeOf(peer)]).to.deep.equal([1, 'port-in-use']);
    expect(peer.stderr).to.include(port);
  });

  it('refuses a second tracker on the same data, and one beyond loopback with sample passwords', async () => {
    const second = await startProgram(['tracker', '--port', '0', '--data', world.tracker.data], {
      home: world.path('t3-home'),
    });
    const secondEnd = await second.waitForExit();
    const samples = join(projectRoot(), 'credentials.txt');
    const words = ['tracker', '--host', '0.0.0.0', '--port', '0', '--data', world.path('t4'), '--credentials', samples];
    const open = await startProgram(words, { home: world.path('t4-home') });
    const openEnd = await open.waitForExit(20_000);

    expect([secondEnd.code, openEnd.code]).to.deep.equal([1, 1]);
    expectOneLine(second.stderrText);
    expect(open.stderrText)
      .to.match(/alice/)
      .and.to.match(/sample password/);
    for (const program of [second, open]) await program[Symbol.asyncDispose]();
  });

  it('refuses a broken credentials file with the line, and starts nothing', async () => {
    const path = world.path('bad-credentials');
    await writeFile(path, 'alice secret\nno-password-here\n');
    await using tracker = await startProgram(
      ['tracker', '--port', '0', '--data', world.path('t5'), '--credentials', path],
      {},
    );

    const end = await tracker.waitForExit();

    expect(end.code).to.be.oneOf([1, 2]);
    expect(tracker.stderrText).to.match(/line 2/);
    expectOneLine(tracker.stderrText);
    expect(tracker.stderrText).not.to.include('secret');
  });
});
