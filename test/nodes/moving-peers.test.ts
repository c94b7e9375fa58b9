/** Peers with several nodes to go to: whoever ends, they go on at another, without a password and without a failed command. */
import { expect } from 'chai';
import { systemClock } from '../../common/runtime/clock.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import type { ConnectionState } from '../../peer/api.js';
import { TrackerClient } from '../../peer/tracker-client/tracker-client.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { request, userOf } from '../tracker/raw-messages.js';
import { TestTracker } from '../tracker/test-tracker.js';

const { signal } = new AbortController();

describe('a peer of a tracker with several nodes', () => {
  let server: TestPostgres;
  let dir: TempDir;
  let identity: Identity;
  let nodes: TestTracker[];
  let client: TrackerClient;
  const states: ConnectionState[] = [];
  before(async () => {
    server = await startPostgres();
    dir = await tempDir();
    identity = await loadOrCreateIdentity(dir.join('identity.pem'), { commonName: 'test' });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    const url = await server.database();
    nodes = [];
    for (let index = 0; index < 2; index += 1)
      nodes.push(await TestTracker.start({ users: ['alice'], postgres: { url, identity } }));
    states.splice(0);
    await waitFor(
      async () => {
        const { client: asking, grant } = await nodes[0]!.enterTcp('alice', { serving: false });
        await asking.ask(request('logout'));
        return grant.nodes.length === 2;
      },
      { what: 'the first node to know the second' },
    );
    client = new TrackerClient({
      host: '127.0.0.1',
      port: nodes[0]!.port,
      pin: identity.pin,
      device: await loadOrCreateIdentity(dir.join('device.pem'), { commonName: 'test' }),
      clock: systemClock,
      pqOnly: false,
      presence: () => ({ serving: true, filePort: 40_123, libraryRevision: 0 }),
      onGrant: () => undefined,
      onState: (state) => states.push(state),
      onEvent: () => undefined,
      onEpoch: () => undefined,
    });
    await client.login('alice', userOf('alice').password, { signal });
    client.start();
  });
  afterEach(async () => {
    await client.stop({ logout: false });
    for (const node of nodes) await node[Symbol.asyncDispose]();
  });

  const isAt = (node: TestTracker): boolean =>
    node.tracker.registry.peers().some((session) => session.node === undefined && session.user === 'alice');

  it('goes on at another one before its own has ended, and no request fails', async () => {
    await waitFor(() => isAt(nodes[0]!), { what: 'the session at the first node' });

    const stopping = nodes[0]!.tracker.stop();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => client.request('listPublished', {}, { signal })),
    );
    await stopping;

    expect(answers).to.have.length(20);
    await waitFor(() => isAt(nodes[1]!), { what: 'the session at the second node' });
    expect(states.filter(({ kind }) => kind === 'ended')).to.deep.equal([]);
    await nodes[0]!.open();
  });
});
