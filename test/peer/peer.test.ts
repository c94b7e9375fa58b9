import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { PeerError } from '../../peer/api.js';
import { startPeer } from '../../peer/peer.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { TestTracker } from '../tracker/test-tracker.js';

describe('a starting peer', () => {
  let tracker: TestTracker;
  let dir: TempDir;

  beforeEach(async () => {
    tracker = await TestTracker.start({ users: ['alice'] });
    dir = await tempDir();
  });

  afterEach(async () => {
    await tracker[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  it('keeps the session that a crash left when it is not let in: the next try may need it', async () => {
    const saved = JSON.stringify({ user: 'alice', session: 's', resumeToken: 't', resumeKey: 'k' });
    await mkdir(dir.join('state'), { mode: 0o700 });
    await writeFile(dir.join('state/session.json'), saved);

    const refused = await startPeer({
      dataDir: dir.path,
      stateDir: dir.join('state'),
      tracker: tracker.place,
      user: 'alice',
      password: 'wrong',
      serving: true,
      keepSession: false,
      settings: {},
      wait: false,
      onWaiting: () => undefined,
      downloads: dir.path,
      resumeSaved: false,
      signal: new AbortController().signal,
    }).catch((error: unknown) => error);

    expect(refused).to.be.instanceOf(PeerError).with.property('code', 'login-failed');
    expect(await readFile(dir.join('state/session.json'), 'utf8')).to.equal(saved);
  });
});
