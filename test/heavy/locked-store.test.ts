/** F20: another program keeps the store locked for 5 s, while people publish. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCli } from '../support/program.js';
import { tempDir } from '../support/temp.js';
import { RawTcp } from '../tracker/raw-client.js';
import { loginOf, publishOf, request, userOf } from '../tracker/raw-messages.js';
import { placeOf, startTrackerProcess } from '../tracker/tracker-process.js';

const LOCKED_MS = 5_000;
const HOLDER = `
  const { writeSync } = require('node:fs');
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1]);
  database.exec('BEGIN IMMEDIATE');
  console.log('locked');
  setTimeout(() => { writeSync(1, 'no longer'); database.exec('ROLLBACK'); process.exit(0); }, ${LOCKED_MS});
`;

describe('a store that another program keeps locked', function () {
  this.timeout(60_000);

  it('delays what is published and loses none of it; everything else is answered meanwhile; a second tracker is refused', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const dir = cleanUp.use(await tempDir({ ram: true }));
    const data = dir.join('data');
    const tracker = cleanUp.use(await startTrackerProcess({ data, users: ['alice'] }));
    const place = placeOf(tracker);
    const alice = cleanUp.use(await RawTcp.open(place));
    await alice.ask(loginOf(userOf('alice'), place.pin));
    await alice.ask(publishOf('before'));
    const holder = spawn(process.execPath, ['-e', HOLDER, join(data, 'tracker.sqlite')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanUp.defer(() => void holder.kill());
    await once(holder.stdout, 'data');
    let isLocked = true;
    // Told before it is so: a process takes longer to end than the tracker to go on.
    holder.stdout.once('data', () => {
      isLocked = false;
    });
    const ended = once(holder, 'exit');

    const acknowledged: boolean[] = [];
    const publishing = ['one', 'two', 'three'].map(async (name) => {
      const reply = await alice.ask(publishOf(name));
      acknowledged.push(isLocked);
      return reply;
    });
    const meanwhile: unknown[] = [];
    while (isLocked && meanwhile.length < 200) {
      const listed = await alice.ask(request('listPublished'));
      const beat = await alice.ask(request('heartbeat'));
      if (isLocked) meanwhile.push([listed['publications'].length, beat.ok]);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await ended;
    const replies = await Promise.all(publishing);

    expect(meanwhile.length, 'it was locked long enough to be noticed').to.be.above(3);
    expect(new Set(meanwhile.map((one) => JSON.stringify(one)))).to.deep.equal(new Set(['[1,true]']));
    expect(acknowledged, 'none before it was durable').to.deep.equal([false, false, false]);
    expect(replies.map((reply) => reply['results'][0].ok)).to.deep.equal([true, true, true]);
    const second = await runCli(['tracker', '--data', data, '--port', '0'], { home: dir.path });
    expect([second.code, second.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 1 && /store/.test(text),
    );
    await tracker.process.stop('SIGKILL');
    const again = cleanUp.use(await startTrackerProcess({ data, users: ['alice'], port: place.port }));
    const later = cleanUp.use(await RawTcp.open(placeOf(again)));
    await later.ask(loginOf(userOf('alice'), placeOf(again).pin));
    expect((await later.ask(request('listPublished')))['publications']).to.have.length(4);
  });
});
