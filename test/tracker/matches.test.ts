import { expect } from 'chai';
import { systemClock } from '../../common/runtime/clock.js';
import { silentLog } from '../../common/runtime/log.js';
import { Matches } from '../../tracker/registry/matches.js';
import { Session } from '../../tracker/registry/session.js';
import type { Store } from '../../tracker/store/store.js';
import { waitFor } from '../support/wait-for.js';

const observed = { host: '127.0.0.1', port: 1 };
const sessionOf = (user: string): Session =>
  new Session({ id: Buffer.alloc(16), user, device: user, generation: 1, observed, clock: systemClock });

describe('saved searches that wait for a source', () => {
  it('are looked up once for all that a user publishes before their turn comes', async () => {
    const owners: unknown[] = [];
    const gate = Promise.withResolvers<void>();
    const store = {
      search: async ({ owner }: Parameters<Store['search']>[0]) => {
        owners.push(owner);
        await gate.promise;
        return { rows: [], next: undefined, isPartial: false };
      },
    } as unknown as Store;
    const registry = { refreshLive: async () => undefined, sessionsOf: () => [] };
    const matches = new Matches({ store, registry, clock: systemClock, log: silentLog });
    matches.set(sessionOf('bob'), [{ search: 's', text: 'plan', sources: true }]);

    const [alice, carol] = [sessionOf('alice'), sessionOf('carol')];
    const first = matches.cameUp(alice);
    await waitFor(() => owners.length === 1, { what: 'a search that has begun' });
    const told = [alice, carol, alice, alice, carol, alice].map((session) => matches.cameUp(session));
    gate.resolve();
    await Promise.all([first, ...told]);
    await matches.cameUp(carol);

    expect(owners).to.deep.equal(['alice', 'alice', 'carol', 'carol']);
  });
});
