import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { isRunning } from './proc.js';
import { startProgram } from './running-program.js';
import { projectRoot } from './shoal-command.js';
import { tempDir } from './temp.js';

const SUPPORT = fileURLToPath(new URL('.', import.meta.url));

/** Runs a mocha of its own on one test file and returns its report. */
async function mochaRun(body: string, env: Record<string, string> = {}) {
  await using dir = await tempDir();
  const imports = `
    import { startProgram } from ${JSON.stringify(join(SUPPORT, 'running-program.js'))};
    import { seedFor } from ${JSON.stringify(join(SUPPORT, 'seed.js'))};
    const sleeper = async () => { const { pid } = await startProgram([], { command: ['sleep', '300'] }); console.log('PID', pid); return pid; };`;
  await writeFile(dir.join('sample.test.mjs'), imports + body);
  const mocha = join(projectRoot(), 'node_modules', 'mocha', 'bin', 'mocha.js');
  const options = [
    '--no-config',
    '--no-package',
    '--require',
    join(SUPPORT, 'mocha-hooks.js'),
    dir.join('sample.test.mjs'),
  ];
  await using run = await startProgram(options, { command: [process.execPath, mocha], env });
  const { code } = await run.waitForExit(30_000);
  const pids = [...run.stdoutText.matchAll(/PID (\d+)/g)].map((match) => Number(match[1]));
  return { code, report: run.stdoutText + run.stderrText, pids };
}

describe('support/mocha-hooks', () => {
  it('ends what a test left running, lets the other tests run, and fails the run', async () => {
    const { code, report, pids } = await mochaRun(
      `it('forgets', sleeper); it('comes after', () => console.log('AFTER'));`,
    );

    expect(code).to.equal(1);
    expect(report)
      .to.contain('AFTER')
      .and.to.match(/"forgets" left shoal.*process \d+/);
    expect(pids).to.have.length(1);
    expect(await isRunning(pids[0] ?? 0)).to.equal(false);
  });

  it('keeps what a before hook started until the end of the run', async () => {
    const { report, pids } = await mochaRun(`
      let started; before(async () => { started = await sleeper(); });
      it('one', () => undefined);
      it('two', async () => { process.kill(started, 0); });`);

    expect(report).to.contain('2 passing').and.to.contain('a before hook left');
    expect(await isRunning(pids[0] ?? 0)).to.equal(false);
  });

  it('ends everything when the run is stopped', async () => {
    const { code, pids } = await mochaRun(
      `it('is stopped', async () => { await sleeper(); process.kill(process.pid, 'SIGTERM'); await new Promise(() => setTimeout(() => 0, 20000)); }).timeout(20000);`,
    );

    expect(code).to.equal(143);
    expect(await isRunning(pids[0] ?? 0)).to.equal(false);
  });

  it('fails the test in which a promise was rejected unheard', async () => {
    const { code, report } = await mochaRun(
      `it('is careless', async () => { Promise.reject(new Error('unheard')); await new Promise(() => undefined); }); it('is fine', () => undefined);`,
    );

    expect(code).to.equal(1);
    expect(report).to.match(/1\) is careless[\s\S]*1 passing[\s\S]*1 failing[\s\S]*unheard/);
  });

  it('adds the seeds to the error of a failing test only', async () => {
    const { report } = await mochaRun(
      `
      it('passes', () => { seedFor('fine'); });
      it('fails', () => { throw new Error('seed ' + seedFor('lossy network')); });`,
      { SHOAL_TEST_SEED: '77' },
    );

    expect(report).to.match(/Error: seed 77\n\s+seed of "lossy network": SHOAL_TEST_SEED=77/);
    expect(report).to.not.contain('"fine"');
  });
});
