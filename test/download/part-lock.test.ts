import { execFile } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { PeerError } from '../../peer/api.js';
import { lockPart } from '../../peer/download/part-lock.js';
import { type TempDir, tempDir } from '../support/temp.js';

const run = promisify(execFile);
const MODULE = new URL('../../peer/download/part-lock.js', import.meta.url).href;

describe('lockPart', () => {
  let dir: TempDir;
  let part: string;
  beforeEach(async () => {
    dir = await tempDir();
    part = dir.join('.film.part');
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  function problem(): { code: string; message: string } {
    try {
      lockPart(part, '/downloads/film')[Symbol.dispose]();
    } catch (error) {
      if (error instanceof PeerError) return error;
      throw error;
    }
    throw new Error('the lock was had');
  }

  it('does not wait for a pipe that somebody planted in its place', async () => {
    await run('mkfifo', [`${part}.lock`]);
    const script = `
      const { lockPart } = await import(${JSON.stringify(MODULE)});
      try { lockPart(${JSON.stringify(part)}, '/downloads/film'); } catch (error) { console.log(error.code, error.message); }
    `;

    // In a process of its own: whoever waited for the pipe would stand still as a whole.
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 15_000 });

    expect(stdout).to.equal(
      `unwritable /downloads/film could not be written: something else is in the place of its lock. Remove ${part}.lock and get it again.\n`,
    );
  });

  it('does not take a pipe for its lock that somebody reads', async () => {
    await run('mkfifo', [`${part}.lock`]);
    const reader = openSync(`${part}.lock`, constants.O_RDONLY | constants.O_NONBLOCK);

    expect(problem().code).to.equal('unwritable');
    closeSync(reader);
  });

  it('does not follow a planted link', async () => {
    await writeFile(dir.join('victim'), '');
    await symlink(dir.join('victim'), `${part}.lock`);
    await symlink(dir.join('nothing-yet'), dir.join('.other.part.lock'));

    expect(problem()).to.include({ code: 'unwritable' });
    expect(await readFile(dir.join('victim'), 'utf8')).to.equal('');
    part = dir.join('.other.part');
    expect(problem().message).to.include('.other.part.lock');
    expect(existsSync(dir.join('nothing-yet'))).to.equal(false);
  });

  it('says that a folder is in its place', async () => {
    await mkdir(`${part}.lock`);

    expect(problem()).to.include({ code: 'unwritable' });
    expect(problem().message).to.include(`Remove ${part}.lock`);
  });
});
