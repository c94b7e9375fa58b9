import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { acquireLock, LockedError } from '../../common/runtime/process-lock.js';
import { type TempDir, tempDir } from '../support/temp.js';

const MODULE = new URL('../../common/runtime/process-lock.js', import.meta.url).href;

/** A second program that takes the lock, says so, and keeps it until it is killed. */
const HOLDER = `
  import { acquireLock } from ${JSON.stringify(MODULE)};
  const lock = acquireLock(process.argv[1], { what: 'the test folder' });
  process.stdout.write('held ' + lock.path);
  setInterval(() => lock, 1000);
`;

/** A second program that tries once. */
const RIVAL = `
  import { acquireLock } from ${JSON.stringify(MODULE)};
  try {
    using lock = acquireLock(process.argv[1], { what: 'the test folder' });
    process.stdout.write('held');
  } catch (error) {
    process.stdout.write(error.code + ' ' + error.pid);
  }
`;

describe('acquireLock', () => {
  let dir: TempDir;
  let path: string;
  let children: ChildProcess[];

  beforeEach(async () => {
    dir = await tempDir();
    path = dir.join('state', 'lock');
    children = [];
  });

  afterEach(async () => {
    for (const child of children) await kill(child);
    await dir[Symbol.asyncDispose]();
  });

  function start(source: string): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
    const args = ['--input-type=module', '--eval', source, path];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    return child;
  }

  async function startHolder(): Promise<ChildProcess> {
    const child = start(HOLDER);
    const [said] = await once(child.stdout, 'data');
    expect(String(said)).to.equal(`held ${path}`);
    return child;
  }

  it('refuses while another process holds it, naming that process and what is locked', async () => {
    const holder = await startHolder();

    expect(() => acquireLock(path, { what: 'the test folder' }))
      .to.throw(LockedError, `the test folder is in use by process ${holder.pid}`)
      .with.property('code', 'locked');
  });

  it('is free at once after its holder was killed with kill -9', async () => {
    await kill(await startHolder());

    using lock = acquireLock(path, { what: 'the test folder' });

    expect(lock.path).to.equal(path);
  });

  it('keeps other processes out while this one holds it, and lets them in afterwards', async () => {
    const lock = acquireLock(path, { what: 'the test folder' });
    expect(await text(start(RIVAL).stdout)).to.equal(`locked ${process.pid}`);

    lock[Symbol.dispose]();

    expect(await text(start(RIVAL).stdout)).to.equal('held');
  });

  it('refuses a second holder in the same process, without giving up the first', async () => {
    using lock = acquireLock(path, { what: 'the test folder' });

    expect(() => acquireLock(path, { what: 'the test folder' })).to.throw(LockedError);

    expect(await text(start(RIVAL).stdout)).to.equal(`locked ${process.pid}`);
    expect(lock.path).to.equal(path);
  });

  it('may be disposed twice, and leaves nothing that would keep it locked', () => {
    const lock = acquireLock(path, { what: 'the test folder' });
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();

    acquireLock(path, { what: 'the test folder' })[Symbol.dispose]();
  });

  it('goes to exactly one of ten processes that race for it', async () => {
    const racing = Array.from({ length: 10 }, () => start(HOLDER.replace("'held '", "'held\\n'")));
    const outcomes = await Promise.all(
      racing.map((child) =>
        Promise.race([once(child.stdout, 'data').then(() => 'held'), once(child, 'exit').then(() => 'lost')]),
      ),
    );

    expect(outcomes.filter((outcome) => outcome === 'held')).to.have.length(1);
  });

  it('is readable by its owner alone', async () => {
    using lock = acquireLock(path, { what: 'the test folder' });

    expect((await stat(lock.path)).mode & 0o777).to.equal(0o600);
    expect((await stat(dir.join('state'))).mode & 0o777).to.equal(0o700);
    expect(await readFile(`${path}.pid`, 'utf8')).to.equal(`${process.pid}\n`);
  });

  it('never writes through a link that somebody planted at the name of its pid', async () => {
    await mkdir(dir.join('state'));
    await writeFile(dir.join('precious'), 'mine');
    await symlink(dir.join('precious'), `${path}.pid`);

    using lock = acquireLock(path, { what: 'the test folder' });

    expect(await readFile(dir.join('precious'), 'utf8')).to.equal('mine');
    expect(await text(start(RIVAL).stdout)).to.equal(`locked ${process.pid}`);
    expect(lock.path).to.equal(path);
  });

  it('does not wait for a pipe that somebody planted at the name of its pid', async function () {
    if (process.platform === 'win32') return this.skip();
    using lock = acquireLock(path, { what: 'the test folder' });
    await rm(`${path}.pid`);
    execFileSync('mkfifo', [`${path}.pid`]);

    expect(await text(start(RIVAL).stdout)).to.equal('locked undefined');
    expect(lock.path).to.equal(path);
  });

  it('says what to check when the file cannot be made', () => {
    path = dir.path; // a folder cannot be opened as the lock's file

    expect(() => acquireLock(path, { what: 'the test folder' }))
      .to.throw('cannot lock the test folder')
      .and.not.instanceOf(LockedError);
  });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
