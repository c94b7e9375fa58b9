import { expect } from 'chai';
import { KEM_KEY_LIFE_MS } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { Identity } from '../../common/wire/identity.js';
import { KemKeys } from '../../common/wire/kem-keys.js';
import { newIdentity } from './test-identity.js';

describe('KemKeys', () => {
  let identity: Identity;
  before(async () => {
    identity = await newIdentity();
  });

  const idOf = (offer: Buffer): Buffer => offer.subarray(0, 8);

  it('offers one key for an hour, then a new one, while the one before still opens', async () => {
    const clock = new VirtualClock();
    const keys = await KemKeys.create(identity, clock);
    const first = keys.offer();

    clock.advance(KEM_KEY_LIFE_MS - 1);
    expect(keys.offer()).to.deep.equal(first);
    clock.advance(1);
    const second = keys.offer();

    expect(idOf(second)).to.not.deep.equal(idOf(first));
    expect(keys.find(idOf(first))).to.not.equal(undefined);
    expect(keys.find(idOf(second))).to.not.equal(undefined);
  });

  it('forgets a key after two hours, also when nobody asked in between', async () => {
    const clock = new VirtualClock();
    const keys = await KemKeys.create(identity, clock);
    const first = idOf(keys.offer());

    clock.advance(2 * KEM_KEY_LIFE_MS - 1);
    expect(keys.find(first)).to.not.equal(undefined);
    clock.advance(1);

    expect(keys.find(first)).to.equal(undefined);
  });

  it('does not let a jump of the wall clock end a key', async () => {
    const clock = new VirtualClock();
    const keys = await KemKeys.create(identity, clock);
    const first = keys.offer();

    clock.jumpWall(10 * KEM_KEY_LIFE_MS);

    expect(keys.offer()).to.deep.equal(first);
  });

  it('finds nothing under a foreign or malformed id', async () => {
    const keys = await KemKeys.create(identity, new VirtualClock());

    for (const id of [Buffer.alloc(8), Buffer.alloc(0), Buffer.alloc(9), keys.offer().subarray(0, 7)]) {
      expect(keys.find(id)).to.equal(undefined);
    }
  });
});
