import { expect } from 'chai';
import { StoreError, type StoreErrorCode } from '../../tracker/store/store-error.js';
import { publishOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

describe('a store that fails', () => {
  let tracker: TestTracker;
  beforeEach(async () => {
    tracker = await TestTracker.start({ users: ['alice'] });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const CODES: readonly [StoreErrorCode, string][] = [
    ['storage', 'storage'],
    ['unreachable', 'storage'],
    ['busy', 'busy'],
    ['closed', 'shutting-down'],
    ['corrupt', 'internal'],
  ];
  for (const [code, told] of CODES)
    it(`with "${code}" is told as ${told}, without what went wrong inside`, async () => {
      const { client } = await tracker.enterTcp('alice');
      const secret = '/var/lib/shoal/tracker.sqlite';
      tracker.store.mutate = () => Promise.reject(new StoreError(code, secret));

      const { error } = await client.ask(publishOf('a.txt'));

      expect(error?.code).to.equal(told);
      expect(error?.message).not.to.contain(secret);
    });
});
