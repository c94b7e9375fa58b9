/** `/healthz`, `/readyz` and `/metrics`, on their own port and on the tracker's. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { Health } from '../../tracker/operate/health.js';
import { StoreError } from '../../tracker/store/store-error.js';
import { StatusPages } from '../../tracker/transport/status-pages.js';
import { projectRoot } from '../support/shoal-command.js';
import { publishOf, request } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

interface Page {
  readonly status: number;
  readonly text: string;
}

async function get(options: object, secure = false): Promise<Page> {
  const sent = (secure ? httpsRequest : httpRequest)({ host: '127.0.0.1', ...options, agent: false }).end();
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const part of response) text += String(part);
  return { status: response.statusCode, text };
}

describe('the status pages', () => {
  let cleanUp: AsyncDisposableStack;
  beforeEach(() => {
    cleanUp = new AsyncDisposableStack();
  });
  afterEach(() => cleanUp.disposeAsync());

  const start = async (): Promise<TestTracker> => cleanUp.use(await TestTracker.start());

  it('say that the tracker is alive and ready, and count what it answered', async () => {
    const tracker = await start();
    const port = tracker.tracker.statusPort;
    const { client } = await tracker.enterUdp('alice');
    await client.ask(publishOf('a.bin'));
    await client.ask(request('sources', { publicationId: 'x'.repeat(21), ticket: true }));

    expect(await get({ port, path: '/healthz' })).to.deep.equal({ status: 200, text: 'ok\n' });
    expect(await get({ port, path: '/readyz' })).to.deep.equal({ status: 200, text: 'ok\n' });
    const { text } = await get({ port, path: '/metrics' });
    for (const line of [
      'shoal_requests_total{type="login",transport="udp",code="ok"} 1',
      'shoal_requests_total{type="sources",transport="udp",code="not-found"} 1',
      'shoal_request_seconds_count{type="publish"} 1',
      'shoal_sessions{state="active"} 1',
      'shoal_datagrams_dropped_total{reason="badSeal"} 0',
      'shoal_rate_limited_total{limit="publishRate"} 0',
      'shoal_relays 0',
      'shoal_relayed_bytes_total 0',
    ])
      expect(text.split('\n')).to.include(line);
    expect((await get({ port, path: '/' })).status).to.equal(404);
    expect((await get({ port, path: '/metrics', method: 'POST' })).status).to.equal(405);
  });

  it('have everything that the dashboard in docs/ draws', async () => {
    const tracker = await start();
    const { client } = await tracker.enterTcp('alice');
    await client.ask(publishOf('a.bin'));
    const { text } = await get({ port: tracker.tracker.statusPort, path: '/metrics' });
    const dashboard = readFileSync(join(projectRoot(), 'docs', 'grafana-dashboard.json'), 'utf8');

    const drawn = new Set(dashboard.match(/\b(?:shoal|process)_[a-z_]+/g));
    const there = new Set(text.match(/^[a-z_]+/gm));
    expect(drawn.size).to.be.above(10);
    expect([...drawn].filter((name) => !there.has(name))).to.deep.equal([]);
  });

  it('are lines that Prometheus reads: each family has help and type once, each value is a number', async () => {
    const tracker = await start();
    await tracker.enterTcp('alice');

    const { text } = await get({ port: tracker.tracker.statusPort, path: '/metrics' });

    const lines = text.trimEnd().split('\n');
    const typed = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2]!);
    expect(new Set(typed).size).to.equal(typed.length);
    for (const line of lines.filter((one) => !one.startsWith('#'))) {
      const [, name, , value] = /^([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? (\S+)$/.exec(line) ?? [];
      expect(name, line).to.be.a('string');
      expect(
        typed.some((family) => name!.startsWith(family)),
        line,
      ).to.equal(true);
      expect(Number.isFinite(Number(value)), line).to.equal(true);
    }
  });

  it("are on the tracker's own port as HTTPS, metrics for this machine alone", async () => {
    const tracker = await start();
    const options = { port: tracker.port, rejectUnauthorized: false };

    expect(await get({ ...options, path: '/healthz' }, true)).to.deep.equal({ status: 200, text: 'ok\n' });
    expect((await get({ ...options, path: '/metrics' }, true)).text).to.contain('shoal_sessions');
    expect((await get({ ...options, path: '/healthz', ALPNProtocols: ['http/1.1'] }, true)).status).to.equal(200);
  });

  it('are refused to other machines where they tell how much goes on', async function () {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal);
    if (outside === undefined) this.skip();
    const pages = new StatusPages({
      health: new Health({ revocations: async () => ({ revocations: [], epoch: 0 }) }, new VirtualClock()),
      metrics: () => 'all of it',
      clock: new VirtualClock(),
    });
    cleanUp.defer(() => pages.stop());
    const front = createServer((socket) => pages.take(socket)).listen(0, outside!.address);
    cleanUp.defer(() => void front.close());
    await once(front, 'listening');
    const { port } = front.address() as { port: number };

    expect((await get({ host: outside!.address, port, path: '/metrics' })).status).to.equal(403);
    expect((await get({ host: outside!.address, port, path: '/healthz' })).status).to.equal(200);
  });

  it('answer whoever asks while one host holds as many connections as it can', async () => {
    const clock = new VirtualClock();
    const health = new Health({ revocations: async () => ({ revocations: [], epoch: 0 }) }, clock);
    const pages = new StatusPages({ health, metrics: () => '', clock });
    cleanUp.defer(() => pages.stop());
    const own = await pages.listen('127.0.0.1', 0, { signal: new AbortController().signal });
    const front = createServer((socket) => pages.take(socket)).listen(0, '127.0.0.1');
    cleanUp.defer(() => void front.close());
    await once(front, 'listening');
    const { port } = front.address() as { port: number };
    for (let count = 0; count < 100; count += 1) {
      const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.9' }).on('error', () => undefined);
      cleanUp.defer(() => void socket.destroy());
      await once(socket, 'connect');
    }

    for (const place of [{ port: own }, { port }, { port, localAddress: '127.0.0.9' }])
      expect(await get({ ...place, path: '/healthz' }), JSON.stringify(place)).to.have.property('status', 200);
  });

  it('say why a tracker is not ready: a full or locked disk, and again when it can be written; a shutdown', async () => {
    const health = new Health({ revocations: async () => ({ revocations: [], epoch: 0 }) }, new VirtualClock());

    for (const code of ['storage', 'busy'] as const) {
      health.noteWrite('ok');
      health.noteWrite(code);
      expect(await health.readinessProblem()).to.match(/cannot be written/);
    }
    expect(await health.livenessProblem()).to.equal(undefined);
    health.noteWrite('not-found');
    expect(await health.readinessProblem()).to.match(/cannot be written/);
    health.noteWrite('ok');
    expect(await health.readinessProblem()).to.equal(undefined);
    health.isClosing = true;
    expect(await health.readinessProblem()).to.match(/shutting down/);
  });

  it('say that a store that fails or is stuck is not alive', async () => {
    const clock = new VirtualClock();
    const failing = new Health({ revocations: () => Promise.reject(new StoreError('closed', 'x')) }, clock);
    const stuck = new Health({ revocations: () => new Promise(() => undefined) }, clock);

    expect(await failing.livenessProblem()).to.match(/cannot be read/);
    const answer = stuck.livenessProblem();
    clock.advance(2_000);
    expect(await answer).to.match(/does not answer/);
  });

  it('close a connection that sends its request slowly', async () => {
    const clock = new VirtualClock();
    const tracker = cleanUp.use(await TestTracker.start({ clock }));
    const socket = connect({ host: '127.0.0.1', port: tracker.tracker.statusPort! });
    await once(socket, 'connect');
    socket.write('GET /healthz HTTP/1.1\r\n');
    const closed = once(socket, 'close');
    await get({ port: tracker.tracker.statusPort, path: '/healthz' }); // accepted after it

    clock.advance(5_001);

    await closed;
  });
});
