import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { isRunning } from './proc.js';
import { runCli, startProgram, startServe, startTracker } from './program.js';
import type { Command } from './shoal-command.js';
import { tempDir } from './temp.js';

function node(script: string): Command {
  return [process.execPath, '-e', script, '--'];
}

/** Prints a ready line as the CLI contract says, with its own arguments and password in it, and stays. */
const FAKE = node(`
  const event = process.argv[1] === 'tracker' ? 'listening' : 'serving';
  const { SHOAL_PASSWORD: password } = process.env;
  const rest = { argv: process.argv, password };
  console.log(JSON.stringify({ event, host: '127.0.0.1', port: 7465, pin: 'sha256:ab', user: 'ann', ...rest }));
  setInterval(() => undefined, 1000);`);

describe('support/program', () => {
  it('shows lines, events and the end of a program', async () => {
    const script = `console.log('{"event":"progress","done":1}'); console.error('on it');
      console.log('{"event":"progress","done":2}'); process.stdout.write('{"event":"result","ok":true}\\n'); process.exitCode = 4;`;
    await using program = await startProgram([], { command: node(script) });

    expect(await program.waitForEvent('progress')).to.deep.equal({ event: 'progress', done: 1 });
    expect(await program.waitForEvent('progress')).to.deep.equal({ event: 'progress', done: 2 });
    expect(await program.nextLine(/on it/, { from: 'stderr' })).to.equal('on it');
    expect(await program.exit).to.deep.equal({ code: 4, signal: null });
    expect(program.jsonEvents()).to.have.length(3);
  });

  it('offers a line once', async () => {
    await using program = await startProgram([], { command: ['sh', '-c', 'echo one; echo two; echo one'] });

    await program.nextLine(/one/);
    await program.nextLine(/one/);
    const error = await program.nextLine(/one/).catch((reason: Error) => reason);

    expect(error)
      .to.have.property('message')
      .that.matches(/ended without a line matching/);
  });

  it('shows all output when something awaited does not come', async () => {
    await using program = await startProgram([], {
      command: ['sh', '-c', 'echo seen; echo trouble >&2; exec sleep 30'],
    });
    await program.nextLine(/seen/);
    await program.nextLine(/trouble/, { from: 'stderr' });

    const error = await program.nextLine(/never/, { timeoutMs: 20 }).catch((reason: Error) => reason);

    expect(error)
      .to.have.property('message')
      .that.matches(/never[\s\S]*seen[\s\S]*trouble/);
  });

  it('gives a program a home of its own, and nothing of ours', async () => {
    process.env['SHOAL_INHERITED'] = 'no';
    await using program = await startProgram([], { command: ['sh', '-c', 'env'], env: { SHOAL_WANTED: 'yes' } });
    await program.exit;
    delete process.env['SHOAL_INHERITED'];

    const names = program.stdout.map((line) => line.split('=')[0]);
    expect(names).to.include.members(['PATH', 'HOME', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'SHOAL_WANTED']);
    expect(names).to.not.include.members(['SHOAL_INHERITED']);
    expect(program.stdout).to.include(`HOME=${program.home}`);
    expect(program.home).to.not.equal(process.env['HOME']);
  });

  it('passes text to standard input, at once or later', async () => {
    await using at = await startProgram([], { command: ['cat'], stdin: 'all of it\n' });
    await using later = await startProgram([], { command: ['cat'], stdin: 'open' });
    later.write('first\n');

    expect(await at.nextLine(/all of it/)).to.equal('all of it');
    expect((await at.exit).code).to.equal(0);
    expect(await later.nextLine(/./)).to.equal('first');
    later.endInput('last');
    expect((await later.exit).code).to.equal(0);
    expect(later.stdoutText).to.equal('first\nlast');
  });

  it('ends a program and its home at the end of the block', async () => {
    let pid: number;
    let home: string;
    {
      await using program = await startProgram([], {
        command: ['sh', '-c', 'trap "" TERM INT; echo ready; exec sleep 30'],
      });
      await program.nextLine(/ready/);
      ({ pid, home } = program);
    }

    expect(await isRunning(pid)).to.equal(false);
    expect(existsSync(home)).to.equal(false);
  });

  it('tells an end by signal from an end by code', async () => {
    await using program = await startProgram([], { command: ['sleep', '30'] });

    expect(await program.stop('SIGTERM')).to.deep.equal({ code: null, signal: 'SIGTERM' });
  });

  it('starts a tracker as the CLI contract says', async () => {
    await using dir = await tempDir();
    await using tracker = await startTracker({
      command: FAKE,
      data: dir.join('d'),
      credentials: { ann: 'secret' },
      args: ['--print-pin'],
    });
    const argv = tracker.process.jsonEvents()[0]?.['argv'] as string[];

    expect(tracker.address).to.equal('127.0.0.1:7465#sha256:ab');
    expect(argv.join(' ')).to.match(
      new RegExp(`tracker --json --host 127.0.0.1 --port 0 --data ${dir.join('d')} --credentials \\S+ --print-pin`),
    );
    expect(await readFile(argv[argv.indexOf('--credentials') + 1] ?? '', 'utf8')).to.equal('ann secret\n');
  });

  it('hands a password over in the environment and runs commands on the same data', async () => {
    await using serve = await startServe({ command: FAKE, tracker: 'h:1#p', user: 'ann', password: 'secret' });
    const [started] = serve.process.jsonEvents();
    const echo = node(
      'console.log(JSON.stringify({ event: "result", argv: process.argv, password: process.env.SHOAL_PASSWORD })); process.exitCode = 5',
    );

    const result = await serve.run(['get', '--', '-odd'], { command: echo, json: true });

    expect(started?.['password']).to.equal('secret');
    expect((started!['argv'] as string[]).join(' '))
      .to.match(/serve --json --tracker h:1#p --user ann --data \S+ --downloads \S+ --port 0/)
      .and.not.contain('secret');
    expect(result.code).to.equal(5);
    expect(result.result?.['password']).to.equal('secret');
    expect(result.result?.['argv']).to.include.members([
      'get',
      '--json',
      '--tracker',
      'h:1#p',
      '--data',
      serve.data,
      '--',
      '-odd',
    ]);
    expect((result.result!['argv'] as string[]).slice(-2)).to.deep.equal(['--', '-odd']);
  });

  it('refuses output that breaks the promise of --json', async () => {
    const error = await runCli(['x'], { json: true, command: node('console.log("hello")') }).catch(
      (reason: Error) => reason,
    );

    expect(error).to.have.property('message').that.contains('not JSON: "hello"');
  });
});
