import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rmdir, stat } from 'node:fs/promises';

import { expect } from 'chai';
import fc from 'fast-check';

import { VirtualClock } from '../../common/runtime/clock.js';
import { type Log, openLog } from '../../common/runtime/log.js';
import { ConfigError } from '../../common/runtime/setting-value.js';
import { type TempDir, tempDir } from '../support/temp.js';

const SECRET = 'canary-7f3a';

describe('the log', () => {
  let dir: TempDir;
  let path: string;
  let problems: Error[];
  let logs: Disposable[];

  beforeEach(async () => {
    dir = await tempDir();
    path = dir.join('shoal.log');
    problems = [];
    logs = [];
  });

  afterEach(async () => {
    for (const log of logs) log[Symbol.dispose]();
    await dir[Symbol.asyncDispose]();
  });

  async function open(level: string, file = path): Promise<Log> {
    const clock = new VirtualClock(Date.UTC(2031, 4, 6));
    const log = await openLog({ level, file, onProblem: (error) => problems.push(error), clock });
    logs.push(log);
    return log;
  }

  function records(): Record<string, unknown>[] {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  it('writes a JSON line with time, level, message and fields', async () => {
    const log = await open('info');

    log.child({ session: 7 }).write('info', 'login', { user: 'alice', size: 5n, body: new Uint8Array(3) });

    expect(records()).to.deep.equal([
      {
        level: 'info',
        time: '2031-05-06T00:00:00.000Z',
        session: 7,
        user: 'alice',
        size: '5',
        body: '[3 bytes]',
        msg: 'login',
      },
    ]);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
  });

  it('leaves out what is below its level, and touches nothing at all when silent', async () => {
    (await open('warn')).write('info', 'unseen');
    expect(records()).to.deep.equal([]);

    const silent = await open('silent', dir.join('none.log'));
    silent.child({}).write('error', 'unseen');

    expect(silent.isEnabled('error')).to.equal(false);
    expect(existsSync(dir.join('none.log'))).to.equal(false);
  });

  it('refuses a level that does not exist', async () => {
    const outcome = await open('loud').catch((error: unknown) => error);

    expect(outcome)
      .to.be.instanceOf(ConfigError)
      .with.property('message')
      .that.contains('silent, error, warn, info, debug');
  });

  for (const key of [
    'password',
    'Passcode',
    'accessKey',
    'access_key',
    'resumeToken',
    'authorization',
    'link-key',
    'secret',
  ]) {
    it(`never writes the value of "${key}", however deep it lies`, async () => {
      const log = await open('debug');
      const error = Object.assign(new Error('refused'), { code: { [key]: SECRET } });

      log
        .child({ [key]: SECRET })
        .write('debug', 'request', { [key]: SECRET, body: { list: [{ [key]: { deep: SECRET } }] }, error });

      expect(readFileSync(path, 'utf8')).to.contain('[redacted]').and.not.contain(SECRET);
    });
  }

  it('keeps one record a line and no control characters, whatever strangers put into it', async () => {
    const log = await open('debug');
    const anyText = fc.string({ unit: 'binary' });
    let count = 0;

    fc.assert(
      fc.property(
        anyText,
        fc.dictionary(anyText, fc.anything({ withBigInt: true })),
        anyText,
        (message, fields, user) => {
          log.write('debug', message, { ...fields, user, error: new Error(user) });
          count += 1;
        },
      ),
    );

    expect(records()).to.have.length(count);
    expect(readFileSync(path, 'utf8').replaceAll('\n', '')).to.not.match(
      /[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/,
    );
  });

  it('bounds what one record can take', async () => {
    const log = await open('debug');
    const endless: Record<string, unknown> = {};
    endless['self'] = endless;

    log.write('debug', 'x'.repeat(1_000_000), { endless, list: Array.from({ length: 100_000 }, (_, index) => index) });

    expect((await stat(path)).size).to.be.below(10_000);
  });

  it('writes an error with its code, cause and frames', async () => {
    const log = await open('error');
    const cause = Object.assign(new Error('no space'), { code: 'ENOSPC' });

    log.write('error', 'publish failed', { error: new TypeError('cannot\nstore', { cause }) });

    expect(records()[0]).to.have.nested.property('error.name', 'TypeError');
    expect(records()[0]).to.have.nested.property('error.message', 'cannot<U+000A>store');
    expect(records()[0]).to.have.nested.property('error.cause.code', 'ENOSPC');
    expect(records()[0]).to.have.nested.property('error.stack[0]').that.contains('log.test');
  });

  it('lets the service go on when the disk is full, and tells once', async function () {
    if (!existsSync('/dev/full')) this.skip();
    const log = await open('info', '/dev/full');

    for (let index = 0; index < 3; index += 1) log.write('info', 'nobody will read this');

    expect(problems.map((error) => (error as NodeJS.ErrnoException).code)).to.deep.equal(['ENOSPC']);
  });

  it('lets the service go on when the file cannot be opened, and says what was lost once it can', async () => {
    await mkdir(path);
    const log = await open('info');
    log.write('info', 'first');
    log.write('info', 'second');

    await rmdir(path);
    log.write('info', 'third');

    expect(problems).to.have.length(1);
    expect(records().map((record) => [record['msg'], record['lost']])).to.deep.equal([
      ['log records lost', 2],
      ['third', undefined],
    ]);
  });

  it('is on the disk when the program dies the moment after', async () => {
    const log = await open('info');
    log.write('info', 'last words');
    await once(AbortSignal.timeout(0), 'abort');

    expect(records().map(({ msg }) => msg)).to.deep.equal(['last words']);
  });
});
