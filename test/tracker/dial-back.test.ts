import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { silentLog } from '../../common/runtime/log.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { serverTlsOptions } from '../../common/wire/pinned-tls.js';
import { DialBack } from '../../tracker/registry/dial-back.js';
import { Session } from '../../tracker/registry/session.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

describe('the look-up of an advertised name', () => {
  let dir: TempDir;
  let identity: Identity;
  let server: Server;
  let clock: VirtualClock;
  let asked: string[];
  beforeEach(async () => {
    dir = await tempDir();
    identity = await loadOrCreateIdentity(dir.join('device.pem'), { commonName: 'device' });
    const options = serverTlsOptions(identity, ['shoal-peer/1'], { requestClientCert: true });
    server = createServer(options, (socket) => socket.on('error', () => undefined));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    clock = new VirtualClock();
    asked = [];
  });
  afterEach(async () => {
    server.close();
    await dir[Symbol.asyncDispose]();
  });

  function peer(): Session {
    const observed = { host: '127.0.0.1', port: 5 };
    const session = new Session({
      id: Buffer.alloc(16),
      user: 'u',
      device: identity.pin,
      generation: 1,
      observed,
      clock,
    });
    const { port } = server.address() as AddressInfo;
    session.claim({ isServing: true, filePort: port, lan: [], advertise: 'home.example' });
    return session;
  }
  const dialBack = (answer: Promise<{ address: string }[]>): DialBack =>
    new DialBack(clock, silentLog, (host) => {
      asked.push(host);
      return answer;
    });

  it('lists the name when it leads to the observed address', async () => {
    const [session, dials] = [peer(), dialBack(Promise.resolve([{ address: '127.0.0.1' }]))];

    dials.check(session);
    await dials.settled(session);

    expect(session.reach).to.deep.equal({ isProven: true, advertised: 'home.example' });
    await dials.stop();
  });

  it('is given up when nothing answers, and the place of the dial is free again', async () => {
    const [session, dials] = [peer(), dialBack(new Promise(() => undefined))];
    dials.check(session);
    await waitFor(() => asked.length === 1);

    clock.advance(3_000);
    await dials.settled(session);

    expect(session.reach).to.deep.equal({ isProven: true, advertised: undefined });
    expect(clock.pendingTimers).to.equal(0);
    await dials.stop();
  });

  it('does not hold up the end of the tracker', async () => {
    const [session, dials] = [peer(), dialBack(new Promise(() => undefined))];
    dials.check(session);
    await waitFor(() => asked.length === 1);

    await dials.stop();

    expect(session.reach.advertised).to.equal(undefined);
  });
});
