import { expect } from 'chai';
import type { CliResult } from '../support/program.js';
import { sha256File } from '../support/temp.js';
import { inWorld } from './world.js';

const MIB = 1024 * 1024;
/** Nobody reaches it: the tracker and other peers see this machine at 127.0.0.1. */
const HIDDEN = ['--host', '127.0.0.2'];

interface Got {
  readonly path: string;
  readonly transfer: { readonly sources: readonly { readonly user: string; readonly via: string }[] };
}

describe('a source that nobody can dial', () => {
  it(
    'is downloaded from all the same: it dials back, or both meet at the relay, and it is shown which',
    inWorld({ users: ['alice', 'bob', 'carol'] }, async (world) => {
      await world.serve('alice', { args: HIDDEN });
      const path = await world.file('alice', 'plan.bin', 3 * MIB);
      await world.publish('alice', path);

      // Of a command that serves nobody there is nothing to dial.
      const [byCarol] = await Promise.all([world.cli('carol', ['get', 'plan.bin']), world.serve('bob')]);
      const byBob = await world.cli('bob', ['get', 'plan.bin']);

      expect([viaOf(byCarol), viaOf(byBob)]).to.deep.equal([['alice relayed'], ['alice dialled back']]);
      for (const { result } of [byCarol, byBob])
        expect(await sha256File((result as unknown as Got).path)).to.equal(await sha256File(path));
    }),
  );
});

function viaOf({ code, stderr, result }: CliResult): string[] {
  expect(code, stderr).to.equal(0);
  return (result as unknown as Got).transfer.sources.map(({ user, via }) => `${user} ${via}`);
}
