import { expect } from 'chai';
import type { ProtocolError } from '../../common/protocol/errors.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { Policy } from '../../tracker/policy/policy.js';
import { RelayAccounts } from '../../tracker/relay/relay-accounts.js';

const DAY_MS = 86_400_000;
const LIMITS = { publications: 1, publishRate: 0, requestRate: 0, relayBytes: 100 };

describe('what is relayed for a user', () => {
  let clock: VirtualClock;
  let accounts: RelayAccounts;
  beforeEach(() => {
    clock = new VirtualClock(Date.UTC(2030, 0, 1, 18));
    accounts = new RelayAccounts(new Policy(clock, LIMITS), clock);
  });

  function refusal(user: string): ProtocolError | undefined {
    try {
      accounts.refuse(user);
      return undefined;
    } catch (error) {
      return error as ProtocolError;
    }
  }

  it('is a share of each day, whichever connection takes it, however the name is written', () => {
    using one = accounts.begin('bob');
    using other = accounts.begin('Bob');

    expect([one.spend(60), other.spend(40), one.spend(1)]).to.deep.equal([true, true, false]);
    expect(refusal('BOB')).to.include({ code: 'relay-quota', retryAfterMs: DAY_MS / 4 });
    expect(refusal('eve')).to.equal(undefined);

    clock.advance(DAY_MS / 4);

    expect(refusal('bob')).to.equal(undefined);
    expect(one.spend(100)).to.equal(true);
    expect(accounts.totalBytes).to.equal(201);
  });

  it('gives a place back once', () => {
    const account = accounts.begin('bob');
    expect(accounts.open).to.equal(1);

    account[Symbol.dispose]();
    account[Symbol.dispose]();

    expect(accounts.open).to.equal(0);
  });
});
