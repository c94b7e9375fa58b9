// Root hooks for every test run; mocha loads this file with --require.
import { beginTest, endRun, endTest } from './leftovers.js';
import { takeSeedReport } from './seed.js';

const leftovers: string[] = [];

// Mocha itself passes an unhandled rejection on and forgets it; thrown from here it fails the running test.
process.on('unhandledRejection', (reason) => {
  throw reason instanceof Error ? reason : new Error(`unhandled rejection: ${String(reason)}`, { cause: reason });
});

export const mochaHooks = {
  beforeEach(): void {
    takeSeedReport();
    beginTest();
  },

  async afterEach(this: Mocha.Context): Promise<void> {
    const test = this.currentTest;
    addSeeds(test?.err);
    for (const what of await endTest()) leftovers.push(`"${test?.fullTitle() ?? 'a hook'}" left ${what}`);
  },

  /** Fails the run at its end rather than in `afterEach`, where mocha would skip all tests that follow. */
  async afterAll(): Promise<void> {
    for (const what of await endRun()) leftovers.push(`a before hook left ${what}`);
    const found = leftovers.splice(0); // told once: where files share the work, this is the end of one of them
    if (found.length > 0) throw new Error(`processes were left running and had to be killed:\n${found.join('\n')}`);
  },
};

/** The seeds stand in the message and in the stack: reporters print one or the other. */
function addSeeds(error: Error | undefined): void {
  const seeds = takeSeedReport();
  if (error === undefined || seeds === '') return;
  const message = `${error.message}\n${seeds}`;
  const stack = error.stack?.replace(error.message, () => message) ?? message;
  // Defined, not assigned: the message of a DOMException, such as a TimeoutError, is a getter.
  Object.defineProperties(error, { message: { value: message }, stack: { value: stack } });
}
