import { expect } from 'chai';

import { filesBelow, placesOf, type SourceFile, shippedSources } from './sources.js';

const MAX_LINES = 400;

/** Where the process may be looked at: programs, the files that hand it to everybody else or start it again, and what kills it for a test. */
const MAY_SEE_PROCESS = /(^|[/-])main\.ts$|^common\/runtime\/(host|own-program)\.ts$|\/fault-point\.ts$/;

describe('the sources', () => {
  let shipped: readonly SourceFile[];

  before(() => {
    shipped = shippedSources();
  });

  it('are found by these tests', () => {
    expect(shipped.map(({ path }) => path)).to.include('common/runtime/clock.ts');
  });

  it('accept an unverified certificate in one file only, the one that compares the pin', () => {
    const bin = filesBelow(['bin'], /\.js$/);
    const places = placesOf(/rejectUnauthorized|NODE_TLS_REJECT_UNAUTHORIZED|checkServerIdentity/, [
      ...shipped,
      ...bin,
    ]);

    expect(places.filter((place) => !place.startsWith('common/wire/pinned-tls.ts:'))).to.deep.equal([]);
  });

  it('look at the process in main files and in host.ts and own-program.ts only', () => {
    const others = shipped.filter(({ path }) => !MAY_SEE_PROCESS.test(path));
    // A parameter may be called `process`, as in the CLI: what is looked for is what only the global one has.
    const names =
      'env|argv|exit|exitCode|cwd|chdir|kill|pid|platform|nextTick|umask|versions|getuid|memoryUsage|hrtime|execPath|emit';
    const global = new RegExp(`(?<![.\\w])process\\.(${names})\\b|\\bglobalThis\\.process|from '(node:)?process'`);

    expect(placesOf(global, others)).to.deep.equal([]);
  });

  it('take the time from a clock that tests can turn', () => {
    const others = shipped.filter(({ path }) => path !== 'common/runtime/clock.ts');
    const calls =
      /(?<![.\w])set(Timeout|Interval)\(|\b(Date|performance)\.now\(|\bnew Date\(\)|\bAbortSignal\.timeout\(/;
    const imports = /\bset(Timeout|Interval)\b.* from '(node:)?timers/;

    expect([...placesOf(calls, others), ...placesOf(imports, others)]).to.deep.equal([]);
  });

  it('start no program but their own: a name from the network could become a command', () => {
    const starters = /\b(exec|execFile|spawn)(Sync)?\b.* from '(node:)?child_process'|shell: true/;

    expect(placesOf(starters, shipped)).to.deep.equal([]);
  });

  it(`have at most ${MAX_LINES} lines a file`, () => {
    const all = [
      ...shipped,
      ...filesBelow(['test', 'bench', 'tools'], /\.tsx?$/),
      ...filesBelow(['bin', '.ci'], /\.c?js$/),
    ];
    const long = all.filter(({ text }) => text.split('\n').length > MAX_LINES);

    expect(long.map(({ path }) => path)).to.deep.equal([]);
  });

  it('hold no note of work to be done without an issue', () => {
    const notes = shipped.filter(({ text }) => /\b(TODO(?!\(#\d+\))|FIXME|XXX)\b/.test(text));

    expect(notes.map(({ path }) => path)).to.deep.equal([]);
  });
});
