import { expect } from 'chai';
import { inWorld } from './world.js';

/** Nobody dials it: the tracker and other peers see this machine at 127.0.0.1. */
const HIDDEN = ['--host', '127.0.0.2'];

describe('a source that nobody can dial', function () {
  this.timeout(30_000);

  it(
    'dials back to a peer that can be dialled',
    inWorld({}, async (world) => {
      await world.serve('alice', { args: HIDDEN });
      await world.publish('alice', await world.file('alice', 'plan.bin', 3_000_000));
      await world.serve('bob');

      const got = await world.cli('bob', ['get', 'plan.bin']);

      expect(got.code, got.stderr).to.equal(0);
    }),
  );

  it(
    'is met at the relay by one that cannot be dialled either',
    inWorld({}, async (world) => {
      await world.serve('alice', { args: HIDDEN });
      await world.publish('alice', await world.file('alice', 'plan.bin', 3_000_000));

      const got = await world.cli('bob', ['get', 'plan.bin']);

      expect(got.code, got.stderr).to.equal(0);
    }),
  );
});
