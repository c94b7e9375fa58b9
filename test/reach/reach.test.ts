import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { ErrorCode } from '../../common/protocol/errors.js';
import { type Clock, systemClock, VirtualClock } from '../../common/runtime/clock.js';
import type { Identity } from '../../common/wire/identity.js';
import type { TransferRow } from '../../peer/api.js';
import { dialPeer } from '../../peer/file-port/dial-peer.js';
import { FilePort } from '../../peer/file-port/file-port.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';
import { AwaitedDials } from '../../peer/reach/awaited-dials.js';
import { Reach } from '../../peer/reach/reach.js';
import { ReachAnswers, type ReachEvent } from '../../peer/reach/reach-answers.js';
import { peerErrorOf, trackerUnreachable } from '../../peer/tracker-client/problems.js';
import type { TrackerClient } from '../../peer/tracker-client/tracker-client.js';
import { type Publication, type Reader, requestFor, type TestPeer, World } from '../download/swarm-fixture.js';
import { sha256File } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { FakeRelay } from './fake-relay.js';

const MIB = 1024 * 1024;
/** Nobody listens there. */
const DEAD = { host: '127.0.0.1', port: 1 };

type Asked = Pick<ReachEvent, 'by' | 'token'>;

/** Alice has a file; Bob fetches it, and the tracker between them is the test. */
describe('reaching a source', () => {
  let world: World;
  let relay: FakeRelay;
  let alice: TestPeer;
  let plan: Publication;
  let answers: ReachAnswers;
  let awaited: AwaitedDials;
  let bobsPort: FilePort;
  let isListening: boolean;
  let connector: Reach;
  let clock: Clock;
  /** What the tracker was asked for, in order. */
  let asked: Asked[];
  /** What the tracker does with it; by default it tells Alice. */
  let onAsked: (event: ReachEvent) => void | Promise<void>;
  beforeEach(async () => {
    world = await World.open();
    relay = await FakeRelay.open(world.tracker);
    [asked, isListening, clock] = [[], true, systemClock];
  });
  afterEach(async () => {
    await answers?.stop();
    await bobsPort?.stop();
    await relay[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  /** Alice offers `addresses`; what she serves is `text` again and again. */
  async function open(options: { addresses?: (typeof DEAD)[]; text?: string; limit?: number } = {}): Promise<Reader> {
    const { addresses = [], text = 'seaside ', limit } = options;
    const path = world.dir.join('plan.txt');
    await writeFile(path, text.repeat((2 * MIB) / text.length));
    plan = await world.publishFile(path);
    alice = await world.peer('alice', [plan], limit === undefined ? {} : { uploadLimitBytesPerSecond: limit });
    world.sources.set(plan.publicationId, [{ ...alice.offer(), addresses }]);
    answers = new ReachAnswers({ ...parts(alice), serve: (connection) => alice.uploads.accept(connection) });
    onAsked = (event) => answers.told(event);
    const identity = await world.identity('bob');
    awaited = new AwaitedDials();
    bobsPort = await FilePort.listen({
      identity,
      host: '127.0.0.1',
      port: 0,
      onPeer: () => undefined,
      onBack: (connection, token) => awaited.take(connection, token),
    });
    const tracker = { request: (_type: string, body: Asked) => ask(body, identity.pin) };
    connector = new Reach({
      ...parts({ identity }),
      tracker: tracker as unknown as Pick<TrackerClient, 'request'>,
      awaited,
      isListening: () => isListening,
    });
    return world.downloads('bob', [plan], { connector });
  }

  function parts({ identity }: Pick<TestPeer, 'identity'>) {
    return {
      identity,
      clock,
      dial: ({ host, port }: typeof DEAD, pin: string, { signal }: { signal: AbortSignal }) =>
        dialPeer({ host, port, pin, identity }, { signal }),
      relay: () => relay.place,
      relayHello: (token: string) => ({ session: 'A'.repeat(22), token, proof: 'A'.repeat(43) }),
      observedHost: () => '127.0.0.1',
    };
  }

  async function ask({ by, token }: Asked, device: string): Promise<object> {
    asked.push({ by, token });
    const addresses = by === 'back' ? [{ host: '127.0.0.1', port: bobsPort.port }] : [];
    await onAsked({ v: 1, event: 'reach', eventId: 'e1', by, token, user: 'bob', device, addresses });
    return {};
  }

  function refuse(codes: Partial<Record<ReachEvent['by'], ErrorCode>>): void {
    onAsked = ({ by }) => {
      const code = codes[by];
      if (code !== undefined) throw peerErrorOf({ code, message: '' });
    };
  }

  async function get({ downloads, folder }: Reader, signal = new AbortController().signal): Promise<TransferRow> {
    const row = await downloads.get(requestFor(plan, folder), { signal });
    expect(await sha256File(row.path)).to.equal(await sha256File(plan.path));
    return row;
  }

  /** Somebody dials Bob and says that he was asked to. */
  async function dialBack(identity: Identity, token: string): Promise<PeerConnection> {
    const { pin } = await world.identity('bob');
    const target = { host: '127.0.0.1', port: bobsPort.port, pin, identity };
    const connection = await dialPeer(target, { signal: AbortSignal.timeout(30_000) });
    connection.send({ type: 'back', token });
    return connection;
  }

  const viaOf = (row: TransferRow): (string | undefined)[] => row.sources.map(({ via }) => via);
  const bys = (): string[] => asked.map(({ by }) => by);

  /** Aborts `get` when its source was dropped, and says why it was. */
  async function problemOf(reader: Reader): Promise<string> {
    const stop = new AbortController();
    const getting = reader.downloads.get(requestFor(plan, reader.folder), { signal: stop.signal });
    getting.catch(() => undefined); // it is aborted
    const why = await waitFor(() => reader.downloads.rows()[0]?.sources[0]?.problem?.message);
    stop.abort();
    return why;
  }

  /** Why Alice, who has no address, cannot be reached. */
  function failureOf(to: Reach): Promise<string> {
    const source = { user: 'alice', device: alice.identity.pin, addresses: [], publicationId: plan.publicationId };
    return to.connect(source, { signal: new AbortController().signal }).then(
      () => expect.fail('she was reached'),
      (error: Error) => error.message,
    );
  }

  it('dials, and asks nobody, where that works', async () => {
    const bob = await open();
    world.sources.set(plan.publicationId, [alice.offer()]);

    const row = await get(bob);

    expect([viaOf(row), bys()]).to.deep.equal([['direct'], []]);
  });

  it('has a source that has no address dial back', async () => {
    const row = await get(await open());

    expect([viaOf(row), bys()]).to.deep.equal([['dialled back'], ['back']]);
    expect(alice.uploads.sentBytes).to.equal(2 * MIB);
  });

  it('meets it at the relay when that does not work, and goes there at once the next time', async () => {
    const bob = await open();
    onAsked = (event) => {
      if (event.by === 'back') throw peerErrorOf({ code: 'unreachable', message: '' });
      answers.told(event);
    };

    const first = await get(bob);
    const again = await bob.downloads.get(requestFor(plan, bob.folder, { fileName: 'again.txt' }), {
      signal: new AbortController().signal,
    });

    expect([viaOf(first), viaOf(again)]).to.deep.equal([['relayed'], ['relayed']]);
    expect(bys()).to.deep.equal(['back', 'relay', 'relay']);
  });

  it('shows the relay nothing but TLS between the two', async () => {
    const bob = await open({ text: 'a secret that nobody but Bob may read. ' });
    isListening = false;

    await get(bob);

    const seen = Buffer.concat(relay.seen);
    expect(seen.length).to.be.above(plan.size);
    for (const plain of ['secret', 'Bob may', '"open"', plan.publicationId, plan.fileId])
      expect(seen.includes(plain), plain).to.equal(false);
    expect(seen.subarray(0, 3)).to.deep.equal(Buffer.of(22, 3, 1)); // a ClientHello
  });

  it('goes on by itself after a cut in the middle, with what is there', async () => {
    const bob = await open({ limit: 8 * MIB });
    isListening = false;
    const getting = get(bob);
    await waitFor(() => (bob.downloads.rows()[0]?.sources[0]?.verifiedBytes ?? 0) > 0);

    relay.cut();
    const row = await getting;

    expect([viaOf(row), bys()]).to.deep.equal([['relayed'], ['relay', 'relay']]);
    expect(row.receivedBytes).to.be.below(2 * plan.size);
  });

  it('obeys a revocation on a connection that the source dialled', async () => {
    const bob = await open({ limit: MIB / 2 });
    const why = problemOf(bob);
    await waitFor(() => alice.uploads.rows()[0]?.sentBytes);

    world.revoked.add('bob');
    alice.uploads.recheck();

    expect(await why).to.equal('does not accept the ticket');
  });

  it('asks nobody when a source that had an address does not answer once: it may be starting anew', async () => {
    const bob = await open({ addresses: [DEAD] });

    expect(await problemOf(bob)).to.equal('cannot be reached');
    expect(bys()).to.deep.equal([]);
  });

  it('asks when it does not answer twice', async () => {
    const row = await get(await open({ addresses: [DEAD] }));

    expect([viaOf(row), bys()]).to.deep.equal([['dialled back'], ['back']]);
  });

  it('does not wait for a source that neither dials back nor comes to the relay', async () => {
    const turned = new VirtualClock();
    clock = turned;
    await open();
    onAsked = () => undefined; // it is told, and does nothing
    const why = failureOf(connector);

    await waitFor(() => bys().includes('back'));
    turned.advance(3_000);
    await waitFor(() => relay.waiting === 1);
    turned.advance(6_000);

    expect(await why).to.match(/it did not dial back, it did not come to the relay/);
    await waitFor(() => relay.connections === 0);
  });

  it('says what was tried and what to do, by what the tracker answers', async () => {
    await open();
    for (const [relayCode, says, todo] of [
      ['no-relay', 'the tracker relays nothing for you', 'can raise relayBytes'],
      ['relay-quota', 'relays for you in a day is used up', 'it goes on tomorrow'],
      ['busy', 'relays as much as it can already', 'it is tried again'],
      ['not-found', 'it is not online with this any more', 'it is tried again'],
    ] as const) {
      refuse({ back: 'unreachable', relay: relayCode });

      const why = await failureOf(connector);

      expect(why).to.match(/^cannot be reached: it cannot dial you either, /);
      expect(why).to.contain(says).and.to.contain(todo).and.to.contain('--advertise');
    }
    onAsked = () => {
      throw trackerUnreachable('tracker.example:7465');
    };

    expect(await failureOf(connector)).to.match(
      /^cannot be reached: the tracker, which could help, does not answer \(/,
    );
  });

  it('takes a connection only for a token that it waits for, from the device that it asked for, once', async () => {
    await open();
    const token = 'A'.repeat(22);
    const wish = awaited.expect({ token, pin: alice.identity.pin }, { signal: AbortSignal.timeout(30_000) });

    const otherDevice = await dialBack(await world.identity('eve'), token);
    const otherToken = await dialBack(alice.identity, 'Q'.repeat(22));
    await waitFor(() => !otherDevice.isOpen && !otherToken.isOpen);
    const right = await dialBack(alice.identity, token);
    const taken = await wish;
    const again = await dialBack(alice.identity, token);
    await waitFor(() => !again.isOpen);

    expect([taken.pin, taken.isOpen, right.isOpen]).to.deep.equal([alice.identity.pin, true, true]);
    right.close();
  });

  it('sends nothing to another device that comes to the relay in place of the source', async () => {
    const bob = await open();
    isListening = false;
    const eve = new ReachAnswers({
      ...parts({ identity: await world.identity('eve') }),
      serve: () => expect.fail('Eve was taken for Alice'),
    });
    onAsked = (event) => eve.told(event);

    const why = await problemOf(bob);

    expect(why).to.contain('it did not come to the relay');
    await eve.stop();
  });
});
