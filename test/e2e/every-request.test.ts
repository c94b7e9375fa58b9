import { expect } from 'chai';
import { MAX_DATAGRAM_BYTES } from '../../common/protocol/limits.js';
import { REQUEST_TYPES, type RequestType } from '../../common/protocol/messages.js';
import type { Identity } from '../../common/wire/identity.js';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { waitFor } from '../support/wait-for.js';
import { type RawLogin, RawSession, TRANSPORTS, type Transport } from './raw-session.js';
import { SAMPLED_TYPES, SAMPLES, type Sample, type SampledType } from './request-samples.js';
import { passwordOf, World } from './world.js';

/** What went through the proxy for one request. */
interface Traffic {
  readonly udpOut: number;
  readonly udpBack: number;
  readonly tcpOut: number;
  readonly tcpBack: number;
}

describe('every request over UDP and over TCP', () => {
  const rows: string[] = [];
  let world: World;
  let device: Identity;
  const sessions: RawSession[] = [];

  before(async () => {
    world = await World.open({ proxy: {}, admins: ['alice'] });
    device = await loadOrCreateIdentity(world.path('device.pem'), { commonName: 'test' });
  });

  afterEach(async () => {
    for (const session of sessions.splice(0)) {
      await session.request('logout', {}); // else events for it would be counted in the next test
      session[Symbol.dispose]();
    }
  });

  after(async () => {
    await world.end();
    process.stdout.write(`${rows.map((row) => `      ${row}`).join('\n')}\n`);
  });

  it('has a row for every type of the schemas', () => {
    const covered: RequestType[] = ['login', 'resume', 'path', 'reach', 'depot', 'stored', ...SAMPLED_TYPES];

    expect(covered.toSorted()).to.deep.equal([...REQUEST_TYPES].toSorted());
  });

  for (const transport of TRANSPORTS) {
    it(`answers login over ${transport}`, async () => {
      const session = closed(transport);

      const { result, traffic } = await counted(() => session.tryLogin());

      expect(result.ok, JSON.stringify(result)).to.equal(true);
      expect(session.grant.user).to.equal('alice');
      expectOnly(transport, 'login', traffic);
    });

    it(`answers resume over ${transport}, with the same session and another key`, async () => {
      const session = await open(transport);
      const before = session.grant;

      const { result, traffic } = await counted(() => session.tryResume());

      expect(result.ok, JSON.stringify(result)).to.equal(true);
      expect(session.grant.session).to.equal(before.session);
      expect(session.grant.accessKey).not.to.equal(before.accessKey);
      expectOnly(transport, 'resume', traffic);
    });

    for (const type of SAMPLED_TYPES) {
      it(`answers ${type} over ${transport}`, async () => {
        const session = await open(transport);

        const { result, traffic } = await ask(session, type);

        expect(result.ok, JSON.stringify(result)).to.equal(true);
        expectOnly(transport, type, traffic);
      });
    }
  }

  it('answers path over udp, after which the new address is served', async () => {
    const session = await open('udp');
    const challenges: string[] = [];
    session.onEvent = (event) => {
      if (event.event === 'challenge') challenges.push(event.challenge);
    };
    await world.proxy.udp.changeSourcePort();

    // A challenge is never longer than what it answers, so the request must have some length.
    const lost = session.request('heartbeat', { libraryRevision: 0 });
    lost.catch(() => undefined); // awaited below, unless something fails before
    const challenge = await waitFor(() => challenges[0], { what: 'a path challenge' });
    const { result, traffic } = await counted(() => session.request('path', { challenge }));

    expect(result.ok, JSON.stringify(result)).to.equal(true);
    expect((await lost).ok).to.equal(true);
    rows.push(row('path', 'udp', traffic));
  });

  it('answers path over tcp by the same rules: a challenge that was never given is refused', async () => {
    const session = await open('tcp');

    const { result, traffic } = await counted(() => session.request('path', { challenge: 'AAECAwQFBgcICQoLDA0ODw' }));

    expect(result.id).to.be.a('string');
    expectOnly('tcp', 'path', traffic);
  });

  it('answers an unknown type and a foreign version with codes of their own, on both transports', async () => {
    for (const transport of TRANSPORTS) {
      const session = await open(transport);

      const unknown = await session.send({ v: 1, id: 'u1', type: 'teleport' } as { id: string });
      const foreign = await session.send({ v: 2, id: 'u2', type: 'heartbeat' } as { id: string });

      expect(unknown).to.have.nested.property('error.code', 'unknown-type');
      expect(foreign).to.have.nested.property('error.code', 'unsupported-version');
    }
  });

  function closed(transport: Transport): RawSession {
    const { host, port } = world.proxy;
    const login: RawLogin = { transport, user: 'alice', password: passwordOf('alice'), device };
    const session = RawSession.closed({ host, port, pin: world.tracker.pin }, login);
    sessions.push(session);
    return session;
  }

  async function open(transport: Transport): Promise<RawSession> {
    const session = closed(transport);
    const reply = await session.tryLogin();
    expect(reply.ok, JSON.stringify(reply)).to.equal(true);
    return session;
  }

  async function ask<T extends SampledType>(session: RawSession, type: T) {
    const sample: Sample<T> = SAMPLES[type];
    const prepared = (await sample.prepare?.(session)) ?? '';
    const answer = await counted(() => session.request(type, sample.body(prepared, session)));
    if (answer.result.ok) sample.check(answer.result as typeof answer.result & { ok: true });
    if (type === 'logout') end(session);
    return answer;
  }

  function end(session: RawSession): void {
    sessions.splice(sessions.indexOf(session), 1);
    session[Symbol.dispose]();
  }

  async function counted<T>(work: () => Promise<T>): Promise<{ result: T; traffic: Traffic }> {
    const before = snapshot();
    const result = await work();
    const now = snapshot();
    const traffic = {
      udpOut: now.udpOut - before.udpOut,
      udpBack: now.udpBack - before.udpBack,
      tcpOut: now.tcpOut - before.tcpOut,
      tcpBack: now.tcpBack - before.tcpBack,
    };
    return { result, traffic };
  }

  function snapshot(): Traffic {
    const { udp, tcp } = world.proxy;
    const [udpOut, udpBack] = [udp.counters.toTarget.seen, udp.counters.toClient.seen];
    return { udpOut, udpBack, tcpOut: tcp.bytes.toTarget, tcpBack: tcp.bytes.toClient };
  }

  /** Everything went over the one transport, nothing over the other. */
  function expectOnly(transport: Transport, type: RequestType, traffic: Traffic): void {
    const { udpOut, udpBack, tcpOut, tcpBack } = traffic;
    rows.push(row(type, transport, traffic));
    if (transport === 'udp') {
      expect(udpOut, 'datagrams sent').to.be.within(1, 4);
      expect(udpBack, 'datagrams back').to.be.within(1, 4);
      expect([tcpOut, tcpBack], 'bytes over TCP').to.deep.equal([0, 0]);
      const longest = Math.max(...world.proxy.udp.datagrams.map(({ bytes }) => bytes.length));
      expect(longest).to.be.at.most(MAX_DATAGRAM_BYTES);
    } else {
      expect([udpOut, udpBack], 'datagrams').to.deep.equal([0, 0]);
      expect(tcpOut).to.be.above(0);
      expect(tcpBack).to.be.above(0);
    }
  }
});

function row(type: RequestType, transport: Transport, { udpOut, udpBack, tcpOut, tcpBack }: Traffic): string {
  const figures =
    transport === 'udp' ? `${udpOut} datagrams out, ${udpBack} back` : `${tcpOut} bytes out, ${tcpBack} back`;
  return `${type.padEnd(14)} ${transport}  ${figures}`;
}
