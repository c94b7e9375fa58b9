/** F14 on a real file system that is full, and has room again. Needs the right to mount one; without it the test is left out. */

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { expect } from 'chai';
import { runCli } from '../support/program.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { RawTcp } from '../tracker/raw-client.js';
import { loginOf, publishOf, type RawReply, request, userOf } from '../tracker/raw-messages.js';
import { placeOf, startTrackerProcess } from '../tracker/tracker-process.js';

const BALLAST_BYTES = 2_000_000;

describe('a tracker whose disk is full', function () {
  this.timeout(120_000);

  it('refuses changes, answers everything else, and goes on without a restart when there is room', async function () {
    await using cleanUp = new AsyncDisposableStack();
    const dir = cleanUp.use(await tempDir());
    const small = dir.join('small');
    mkdirSync(small);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=700', 'tmpfs', small]).status !== 0) this.skip();
    cleanUp.defer(() => void spawnSync('umount', ['-l', small]));
    writeFileSync(dir.join('small', 'ballast'), Buffer.alloc(BALLAST_BYTES));
    const data = dir.join('small', 'data');
    const tracker = cleanUp.use(
      await startTrackerProcess({ data, users: ['alice', 'bob'], args: ['--status-port', '0', '--json'] }),
    );
    const { statusPort } = JSON.parse(tracker.process.stdout.find((line) => line.includes('listening'))!);
    const place = placeOf(tracker);
    const alice = cleanUp.use(await RawTcp.open(place));
    await alice.ask(loginOf(userOf('alice'), place.pin));
    const ready = async (): Promise<number> => {
      const [response] = await once(get({ host: '127.0.0.1', port: statusPort, path: '/readyz' }), 'response');
      response.resume();
      return response.statusCode;
    };
    expect(await ready()).to.equal(200);

    const kept: string[] = [];
    let acks: string[] = [];
    const publish = async (round: number): Promise<RawReply> => {
      const names = Array.from({ length: 100 }, (_, index) => `file ${index} of round ${round}`);
      const asked = { ...publishOf(...names), acks };
      const reply = await alice.ask(asked);
      acks = reply.ok ? [asked.id] : [];
      if (reply.ok) kept.push(...names);
      return reply;
    };
    let refused: RawReply | undefined;
    for (let round = 0; refused === undefined; round += 1) {
      const reply = await publish(round);
      if (!reply.ok) refused = reply;
    }
    const listed = async (): Promise<number> => {
      let count = 0;
      let cursor: string | undefined;
      do {
        const page = await alice.ask(request('listPublished', { limit: 1_000, ...(cursor ? { cursor } : {}) }));
        count += page['publications'].length;
        cursor = page['cursor'];
      } while (cursor !== undefined);
      return count;
    };

    expect(refused.error?.code).to.equal('storage');
    expect((await alice.ask(request('heartbeat'))).ok).to.equal(true);
    expect(await listed()).to.equal(kept.length);
    expect(await ready()).to.equal(503);

    // Withdrawing works all the same, as does keeping somebody out; publishing does not eat what is left for them.
    for (const name of kept.splice(0, 50)) {
      const asked = request('unpublish', { names: [name], acks });
      const reply = await alice.ask(asked);
      acks = [asked.id];
      expect(reply['results']?.[0], JSON.stringify(reply)).to.include({ ok: true });
      expect((await publish(200_000)).error?.code).to.equal('storage');
    }
    const banned = await runCli(['admin', 'ban', 'user', 'bob', '--data', data], { home: dir.path });
    expect(banned.code, banned.stderr).to.equal(0);
    expect(await listed()).to.equal(kept.length);
    expect(await ready()).to.equal(503);

    rmSync(dir.join('small', 'ballast'));
    await waitFor(async () => (await publish(100_000)).ok, { what: 'a publish that works again' });
    expect(await listed()).to.equal(kept.length);
    expect(await ready()).to.equal(200);
    await tracker.process.stop();
    const checked = await runCli(['tracker', 'check', '--data', data], { home: dir.path });
    expect(checked.code, checked.stderr).to.equal(0);
  });
});
