/** F22 with a real process: a tracker that was stopped reads what its peers sent meanwhile before it judges them. */
import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import { RawTcp, RawUdp } from './raw-client.js';
import { loginOf, request, userOf } from './raw-messages.js';
import { grantOf } from './test-tracker.js';
import { placeOf, startTrackerProcess } from './tracker-process.js';

const PEERS = 12;
const STALL_MS = 7_000;

describe('a tracker that is stopped longer than its peers may be silent', () => {
  it('has all of them active when it goes on', async () => {
    const users = ['watcher', ...Array.from({ length: PEERS }, (_, index) => `peer${index}`)];
    await using cleanUp = new AsyncDisposableStack();
    const tracker = cleanUp.use(await startTrackerProcess({ users }));
    const place = placeOf(tracker);
    const peers: RawUdp[] = [];
    for (const user of users.slice(1)) {
      const peer = cleanUp.use(await RawUdp.open(place));
      peers.push(peer.use(grantOf(await peer.login(loginOf(userOf(user), place.pin, { filePort: undefined })))));
    }
    const watcher = cleanUp.use(await RawTcp.open(place));
    await watcher.ask(loginOf(userOf('watcher'), place.pin));

    process.kill(tracker.process.pid, 'SIGSTOP');
    const since = performance.now();
    let beats = 0;
    await waitFor(
      () => {
        const passedMs = performance.now() - since;
        if (passedMs > beats * 2_000) {
          beats += 1;
          for (const peer of peers) peer.send(peer.seal(request('heartbeat')));
        }
        return passedMs > STALL_MS;
      },
      { timeoutMs: 2 * STALL_MS },
    );
    process.kill(tracker.process.pid, 'SIGCONT');
    const listed = await watcher.ask(request('listPeers'));

    expect(listed['peers']).to.have.length(PEERS);
  });
});
