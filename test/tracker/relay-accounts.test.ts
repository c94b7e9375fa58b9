import { expect } from 'chai';
import type { ProtocolError } from '../../common/protocol/errors.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { silentLog } from '../../common/runtime/log.js';
import { Policy } from '../../tracker/policy/policy.js';
import { RelayAccounts } from '../../tracker/relay/relay-accounts.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { Store } from '../../tracker/store/store.js';
import { StoreError } from '../../tracker/store/store-error.js';
import { tempDir } from '../support/temp.js';

const DAY_MS = 86_400_000;
const LIMITS = { publications: 1, publishRate: 0, requestRate: 0, relayBytes: 100 };

describe('what is relayed for a user', () => {
  let clock: VirtualClock;
  let accounts: RelayAccounts;
  let store: Store;
  let isFull: boolean;
  let cleanUp: AsyncDisposableStack;
  beforeEach(async () => {
    clock = new VirtualClock(Date.UTC(2030, 0, 1, 18));
    isFull = false;
    cleanUp = new AsyncDisposableStack();
    const path = cleanUp.use(await tempDir()).join('tracker.sqlite');
    store = cleanUp.adopt(await openSqliteStore({ path, isTracker: true }), (opened) => opened.close());
    accounts = await startOne();
  });
  afterEach(() => cleanUp.disposeAsync());

  /** Of a tracker, or of another node of it. */
  async function startOne(): Promise<RelayAccounts> {
    const addRelayed: Store['addRelayed'] = async (...args) => {
      if (isFull) throw new StoreError('storage', 'full');
      return store.addRelayed(...args);
    };
    const noting = { relayed: store.relayed, addRelayed };
    const started = new RelayAccounts({ store: noting, policy: new Policy(clock, LIMITS), clock, log: silentLog });
    await started.start();
    return started;
  }

  function refusal(user: string, of = accounts): ProtocolError | undefined {
    try {
      of.refuse(user);
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

  it('is known to a tracker that is started anew on the same day, and to no later one', async () => {
    accounts.begin('Bob').spend(100);
    await accounts.stop();

    expect(refusal('bob', await startOne())).to.include({ code: 'relay-quota' });
    clock.advance(DAY_MS);
    expect(refusal('bob', await startOne())).to.equal(undefined);
  });

  it('is counted together by two nodes, each of which notes what it relays', async () => {
    const other = await startOne();
    using here = accounts.begin('bob');
    using there = other.begin('bob');
    expect([here.spend(60), there.spend(60)]).to.deep.equal([true, true]);

    await accounts.stop(); // both note
    await other.stop();

    expect(there.spend(1)).to.equal(false);
    expect(refusal('bob', other)).to.include({ code: 'relay-quota' });
  });

  it('is noted when there is room again, and no byte twice', async () => {
    using one = accounts.begin('bob');
    isFull = true;
    one.spend(30);
    await accounts.stop();
    one.spend(30);
    isFull = false;
    await accounts.stop();
    one.spend(30);
    await accounts.stop();

    expect(await store.relayed(clock.now())).to.deep.equal([{ user: 'bob', bytes: 90 }]);
    expect([one.spend(10), one.spend(1)]).to.deep.equal([true, false]);
  });

  it('gives a place back once', () => {
    const account = accounts.begin('bob');
    expect(accounts.open).to.equal(1);

    account[Symbol.dispose]();
    account[Symbol.dispose]();

    expect(accounts.open).to.equal(0);
  });
});
