import { Readable } from 'node:stream';
import { expect } from 'chai';
import { type PlainOptions, runPlain } from '../../peer/tui/run-plain.js';
import { FakeDoor, type FakeScript, PIN } from './fake-peer.js';

interface Run {
  readonly code: number;
  readonly text: string;
  readonly door: FakeDoor;
}

async function run(
  lines: readonly string[],
  script: FakeScript = {},
  options: Partial<PlainOptions> = {},
): Promise<Run> {
  const door = new FakeDoor(script);
  let text = '';
  const code = await runPlain({
    door,
    tracker: '127.0.0.1:7465',
    user: 'alice',
    password: 'secret',
    downloads: '/downloads',
    cwd: '/tmp',
    input: Readable.from(lines.map((line) => `${line}\n`)),
    write: (more) => {
      text += more;
    },
    signal: new AbortController().signal,
    ...options,
  });
  return { code, text, door };
}

describe('runPlain', () => {
  it('carries out commands line by line and prints plain text', async () => {
    const { code, text, door } = await run(['lpf', '# a remark', 'sch report', 'get report.pdf', 'xit', 'lap'], {
      found: [{ owner: 'bob' }],
      getMs: 0,
    });

    expect(code).to.equal(0);
    expect(text).to.match(/^Logged in as alice at 127\.0\.0\.1:7465\nNo files published\n1 file found:\n/);
    expect(text).to.contain('report.pdf downloaded successfully').and.not.contain('active users');
    expect(text).to.not.match(/\x1b/);
    expect(door.peer?.closed).to.equal(1);
  });

  it('escapes hostile names', async () => {
    expect((await run(['list'], { found: [{ name: 'a\x1b[2J' }] })).text)
      .to.contain('a<U+001B>[2J')
      .and.not.contain('\x1b');
  });

  const CODES: readonly (readonly [string, number])[] = [
    ['get nothing', 4],
    ['nonsense', 2],
    ['doctor x', 2],
    ['lpf', 0],
  ];
  for (const [line, code] of CODES) {
    it(`ends with ${code} after ${line}`, async () => expect((await run([line, 'lap'])).code).to.equal(code));
  }

  it('goes on after a failure and reports the first one', async () => {
    const { code, text } = await run(['get nothing', 'nonsense', 'lap']);

    expect(code).to.equal(4);
    expect(text).to.contain('File not found').and.contain('Unknown word').and.contain('No active users');
  });

  it('refuses an unknown tracker and says how to trust it', async () => {
    const { code, text, door } = await run(['lpf'], { trust: 'new' });

    expect(code).to.equal(3);
    expect(text).to.contain(PIN).and.contain(`shoal trust add '127.0.0.1:7465#${PIN}'`);
    expect(door.calls.some((call) => call.startsWith('open'))).to.equal(false);
  });

  it('trusts at the first contact when it was told to', async () => {
    expect((await run(['lpf'], { trust: 'new' }, { trustOnFirstUse: true })).code).to.equal(0);
  });

  it('refuses a changed identity', async () => {
    const { code, text } = await run(['lpf'], { trust: 'changed' });

    expect(code).to.equal(3);
    expect(text).to.contain('HAS CHANGED').and.contain('shoal trust forget');
  });

  it('says once that it waits for the tracker', async () => {
    const { text } = await run(['lpf'], { unreachableTries: 3 });

    expect(text.match(/Waiting for it/g)).to.have.lengthOf(1);
    expect(text).to.contain('No files published');
  });

  it('says what is missing when nobody can be asked', async () => {
    const { code, text } = await run(['lpf'], {}, { user: undefined });

    expect(code).to.equal(2);
    expect(text).to.contain('--user NAME').and.to.contain("printf 'lpf\\nxit\\n' | npx shoal");
  });

  it('ends with 3 when the password is wrong', async () => {
    const { code, text } = await run(['lpf'], {}, { password: 'guess' });

    expect(code).to.equal(3);
    expect(text).to.match(/^Wrong user or password/);
  });
});
