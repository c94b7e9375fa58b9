import { expect } from 'chai';
import { documentOf, problemsOf, type Rows, type Run, type RunTest } from '../abilities/judge.js';
import { ROW_NAMES, ROWS } from '../abilities/rows.js';

const NAMES = ['R0.1', 'R0.2', 'R0.3'];
const LIST: Rows = {
  'R0.1': { ability: 'log in', shownBy: ['e2e/a: logs in', 'e2e/b: *'] },
  'R0.2': { ability: 'a|b', excepted: 'later' },
  'R0.3': { ability: 'a window', excepted: 'graphical' },
};

function run(tests: readonly RunTest[], files: readonly string[] = ['e2e/a', 'e2e/b']): Run {
  return { tests, filesWithProcesses: new Set(files) };
}

const passed = (file: string, title: string): RunTest => ({ file, title, state: 'passed' });
const GOOD = [passed('e2e/a', 'logs in'), passed('e2e/b', 'one'), passed('e2e/b', 'two')];

describe('the list of abilities', () => {
  it('has every row once, and each is shown, or is excepted with a reason', () => {
    expect(Object.keys(ROWS)).to.have.members([...ROW_NAMES]);
    expect(ROW_NAMES).to.include.members(['R0.1', 'R0.10', 'R1.13', 'R2.8', 'R3.6', 'R4.13']).and.to.have.length(50);
    expect(Object.entries(ROWS).flatMap(([name, row]) => ('excepted' in row ? [name] : []))).to.deep.equal([
      'R2.2',
      'R2.3',
    ]);
  });

  it('is content with a run in which every named test passed with processes of its own', () => {
    expect(problemsOf(LIST, NAMES, run(GOOD))).to.deep.equal([]);
  });

  for (const [what, problems, wrong] of [
    ['is missing', [/no test "logs in" ran in test\/e2e\/a\.test\.ts/], run(GOOD.slice(1))],
    ['failed', [/"two" .*has failed/], run([...GOOD.slice(0, 2), { file: 'e2e/b', title: 'two', state: 'failed' }])],
    [
      'was skipped',
      [/"two" .*has pending/],
      run([...GOOD.slice(0, 2), { file: 'e2e/b', title: 'two', state: 'pending' }]),
    ],
    ['started no process', [/test\/e2e\/a\.test\.ts started no process/], run(GOOD, ['e2e/b'])],
  ] as const) {
    it(`fails a run in which a named test ${what}`, () => {
      const found = problemsOf(LIST, NAMES, wrong);

      expect(found).to.have.length(problems.length);
      for (const [index, problem] of problems.entries()) expect(found[index]).to.match(problem);
    });
  }

  it('fails a run when a row is not in the list, or one is that does not exist', () => {
    expect(problemsOf(LIST, [...NAMES, 'R0.4'], run(GOOD))).to.deep.equal(['R0.4 is not in the list']);
    expect(problemsOf(LIST, NAMES.slice(1), run(GOOD))).to.deep.equal(['R0.1 is no row']);
  });

  it('becomes a table in the order of the rows', () => {
    const lines = documentOf(LIST, NAMES, run(GOOD))
      .split('\n')
      .filter((line) => line.startsWith('| R'));

    expect(lines).to.deep.equal([
      '| R0.1 | log in | `test/e2e/a.test.ts`: logs in<br>`test/e2e/b.test.ts`: all 2 tests |',
      '| R0.2 | a\\|b | excepted: later |',
      '| R0.3 | a window | excepted: graphical |',
    ]);
  });
});
