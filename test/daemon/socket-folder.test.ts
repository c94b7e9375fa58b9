import { chmod, chown, mkdir, stat, symlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { userInfo } from 'node:os';
import { expect } from 'chai';
import type { Peer, PeerError } from '../../peer/api.js';
import { attachLocal } from '../../peer/daemon/attached-peer.js';
import { type LocalServer, serveLocal } from '../../peer/daemon/local-server.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { FakePeer } from './fake-peer.js';

const NEVER = new AbortController().signal;
const SOMEBODY_ELSE = 65_534;

describe('the folder of a local socket', () => {
  let dir: TempDir;
  let greeted: number;
  let closing: (Server | LocalServer | Peer)[];
  beforeEach(async () => {
    dir = await tempDir();
    greeted = 0;
    closing = [];
  });
  afterEach(async () => {
    for (const item of closing.splice(0)) await item.close();
    await dir[Symbol.asyncDispose]();
  });

  /** A socket that does as a peer does, and counts who comes. */
  async function listenAs(path: string): Promise<void> {
    const server = createServer((socket) => {
      greeted += 1;
      socket.on('error', () => undefined);
      socket.end(`${JSON.stringify({ hello: 1, state: {} })}\n`);
    });
    closing.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }
  const attach = (path: string): Promise<Peer | PeerError | undefined> =>
    attachLocal(path, { signal: NEVER }).catch((error: PeerError) => error);

  it('that is open to others is not trusted: a command does not go to whoever listens there', async () => {
    await mkdir(dir.join('run'));
    await listenAs(dir.join('run', 'ana.sock'));
    await chmod(dir.join('run'), 0o777);

    expect(await attach(dir.join('run', 'ana.sock'))).to.equal(undefined);
    expect(greeted).to.equal(0);
  });

  it('that is a link is refused, also when it leads to a folder of our own', async () => {
    await mkdir(dir.join('real'), { mode: 0o700 });
    await symlink(dir.join('real'), dir.join('run'));
    await listenAs(dir.join('real', 'ana.sock'));

    expect(await attach(dir.join('run', 'ana.sock'))).to.have.property('code', 'not-allowed');
    expect(greeted).to.equal(0);
  });

  it("that is another user's is refused", async function () {
    if (userInfo().uid !== 0) this.skip(); // only root can give a folder away
    await mkdir(dir.join('run'), { mode: 0o700 });
    await listenAs(dir.join('run', 'ana.sock'));
    await chown(dir.join('run'), SOMEBODY_ELSE, SOMEBODY_ELSE);

    expect(await attach(dir.join('run', 'ana.sock'))).to.have.property('code', 'not-allowed');
    expect(greeted).to.equal(0);
  });

  it('that is not there has no peer', async () => {
    expect(await attach(dir.join('run', 'ana.sock'))).to.equal(undefined);
  });

  it('is no link for who listens: nothing is tightened and no socket appears where it leads', async () => {
    await mkdir(dir.join('holiday'));
    await chmod(dir.join('holiday'), 0o755);
    await symlink(dir.join('holiday'), dir.join('run'));

    const outcome = await serveLocal(new FakePeer(), dir.join('run', 'ana.sock')).catch((error: PeerError) => error);

    expect(outcome).to.have.property('code', 'unwritable');
    expect((await stat(dir.join('holiday'))).mode & 0o777).to.equal(0o755);
  });

  it('is tightened by who listens next, and found again', async () => {
    await mkdir(dir.join('run'));
    await chmod(dir.join('run'), 0o755);

    closing.push(await serveLocal(new FakePeer(), dir.join('run', 'ana.sock')));
    const peer = await attach(dir.join('run', 'ana.sock'));

    expect(peer).to.have.property('attached', true);
    closing.unshift(peer as Peer);
  });
});
