import fc from 'fast-check';
import { histories, runHistory } from '../tracker/rights-histories.js';

const RUNS = 40;
const MAX_STEPS = 40;

describe('rights in long histories', () => {
  it(`are those of the model in ${RUNS} histories of up to ${MAX_STEPS} changes, over both transports and over restarts`, async function () {
    this.timeout(900_000);
    await fc.assert(fc.asyncProperty(histories(MAX_STEPS), runHistory), { numRuns: RUNS, endOnFailure: true });
  });
});
