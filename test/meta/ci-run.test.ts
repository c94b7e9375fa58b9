import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { projectRoot } from '../support/shoal-command.js';
import { type TempDir, tempDir } from '../support/temp.js';

/** A stand-in for npm: what it prints and how it ends, for `npm cit` and for `npm run test:heavy`. */
interface Step {
  readonly output: string;
  readonly code: number;
}

describe('.ci/run', () => {
  let dir: TempDir;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(async () => {
    await dir[Symbol.asyncDispose]();
  });

  async function run(cit: Step, heavy: Step): Promise<{ lastLine: string | undefined; code: unknown; log: string }> {
    await mkdir(dir.join('clone/.ci'), { recursive: true });
    await mkdir(dir.join('path'));
    await cp(`${projectRoot()}/.ci/run`, dir.join('clone/.ci/run'));
    await writeFile(dir.join('cit'), cit.output);
    await writeFile(dir.join('heavy'), heavy.output);
    const npm = `#!/bin/sh
case "$1" in
  cit) cat '${dir.join('cit')}'; code=${cit.code};;
  *) cat '${dir.join('heavy')}'; code=${heavy.code};;
esac
echo "in $(basename "$PWD") CI=$CI"
exit $code
`;
    await writeFile(dir.join('path/npm'), npm);
    await chmod(dir.join('path/npm'), 0o755);
    const env = { ...process.env, PATH: [dir.join('path'), process.env['PATH']].join(delimiter), CI: '' };
    const child = spawn('bash', [dir.join('clone/.ci/run')], { cwd: '/', env, stdio: ['ignore', 'pipe', 'inherit'] });
    const [log, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    return { lastLine: log.trimEnd().split('\n').at(-1), code, log };
  }

  it('adds up the figures of both runs, from any folder', async () => {
    const { lastLine, code, log } = await run(
      { output: '  ✔ 3 passing cars\n\n  120 passing (3s)\n  2 pending\n', code: 0 },
      { output: '\u001b[32m  4 passing\u001b[0m (2m)\n', code: 0 },
    );

    expect(lastLine).to.equal('124 passed, 0 failed');
    expect(code).to.equal(0);
    expect(log).to.contain('in clone CI=true');
  });

  it('tells of failed tests', async () => {
    const { lastLine, code, log } = await run(
      { output: '  10 passing (3s)\n  2 failing\n\n  1) it\n', code: 2 },
      { output: '  4 passing (2m)\n', code: 0 },
    );

    expect(lastLine).to.equal('14 passed, 2 failed');
    expect(code).to.equal(1);
    expect(log.slice(log.lastIndexOf('4 passing'))).to.contain('1) it');
  });

  it('counts a run that never came to its tests as one failure', async () => {
    const { lastLine, code, log } = await run(
      { output: 'Found 3 errors.\n', code: 1 },
      { output: '  4 passing (2m)\n', code: 0 },
    );

    expect(lastLine).to.equal('4 passed, 1 failed');
    expect(code).to.equal(1);
    expect(log.slice(log.lastIndexOf('4 passing'))).to.contain('Found 3 errors.');
  });

  it('fails when mocha passes everything and ends badly all the same', async () => {
    const { lastLine, code } = await run(
      { output: '  10 passing (3s)\n', code: 1 },
      { output: '  4 passing (2m)\n', code: 0 },
    );

    expect(lastLine).to.equal('14 passed, 1 failed');
    expect(code).to.equal(1);
  });
});
