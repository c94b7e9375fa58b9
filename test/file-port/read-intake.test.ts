import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';

import { expect } from 'chai';

import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { connectPinned, serverTlsOptions } from '../../common/wire/pinned-tls.js';
import { ReadIntake } from '../../peer/file-port/read-intake.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

/** Many reads. */
const SENT = randomBytes(1024 * 1024);

describe('ReadIntake', () => {
  let dir: TempDir;
  let identity: Identity;
  let server: Server;
  let socket: TLSSocket;
  let intake: ReadIntake;
  beforeEach(async () => {
    dir = await tempDir();
    identity = await loadOrCreateIdentity(dir.join('identity.pem'), { commonName: 'test' });
    server = createServer(serverTlsOptions(identity, ['test']), (accepted) => {
      accepted.on('error', () => undefined);
      accepted.end(SENT);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    intake = new ReadIntake();
    const { port } = server.address() as AddressInfo;
    const signal = AbortSignal.timeout(30_000);
    const common = { host: '127.0.0.1', port, pin: identity.pin, alpn: 'test', timeoutMs: 5_000, signal };
    ({ socket } = await connectPinned({ ...common, onread: intake.onread }));
  });
  afterEach(async () => {
    socket.destroy();
    server.close();
    await once(server, 'close');
    await dir[Symbol.asyncDispose]();
  });

  it('loses nothing of what came before it had a taker, and gives all in order', async () => {
    const taken: Buffer[] = [];
    await waitFor(() => socket.bytesRead > 0);

    intake.attach(socket, (bytes) => taken.push(Buffer.from(bytes)));
    await once(socket, 'end');

    expect(Buffer.concat(taken).equals(SENT)).to.equal(true);
  });

  it('takes no more than one read after a pause, and the rest when it goes on', async () => {
    const taken: Buffer[] = [];
    const length = (): number => taken.reduce((sum, bytes) => sum + bytes.length, 0);
    intake.attach(socket, (bytes) => {
      taken.push(Buffer.from(bytes));
      if (taken.length === 1) socket.pause();
    });
    await once(socket, 'pause');
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const whilePaused = length();
    socket.resume();
    await once(socket, 'end');

    expect(whilePaused).to.be.at.most(2 * 64 * 1024);
    expect(Buffer.concat(taken).equals(SENT)).to.equal(true);
  });
});
