/** Whom a download dials, by a clock that stands still: no source ever answers. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { toBase64url } from '../../common/protocol/base64url.js';
import { SWARM_BRINGERS, TICKET_LIFE_MS } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { OfferedSource } from '../../peer/download/download-tracker.js';
import { SourceHistory } from '../../peer/download/source-history.js';
import { SourcePool } from '../../peer/download/source-pool.js';

const FILE_ID = 'ab'.repeat(32);
const PUBLICATION_ID = 'p'.repeat(21);
const LOWEST = '0'.repeat(64);
const HIGHEST = 'f'.repeat(64);
const MOST_SOURCES = 16;

const pinOf = (text: string): string => `5${createHash('sha256').update(text).digest('hex').slice(1)}`;

function offers(count: number, has: OfferedSource['has']): OfferedSource[] {
  return Array.from({ length: count }, (_, index) => {
    const user = `${has}${index}`;
    return { user, device: pinOf(user), has, addresses: [{ host: '10.0.0.1', port: 1 + index }] };
  });
}

const PUBLISHER = offers(1, 'all');
const CROWD = offers(3 * SWARM_BRINGERS, 'part');

/** As the pool shows it to the connector; sealed by nobody, as only sources judge it. */
function ticketFor(device: string): string {
  const ticket = {
    ...{ v: 1, ticketId: 't'.repeat(21), publicationId: PUBLICATION_ID, fileId: FILE_ID, size: 1_000, user: 'reader' },
    ...{ device, limits: {}, issuedAt: 0, notAfter: TICKET_LIFE_MS },
  };
  return `${toBase64url(Buffer.from(JSON.stringify(ticket)))}.x`;
}

describe('the sources of a download', () => {
  let clock: VirtualClock;
  let ending: AbortController;
  let running: Promise<unknown>[];
  let pools: SourcePool[];
  beforeEach(() => {
    pools = [];
    clock = new VirtualClock();
    ending = new AbortController();
    running = [];
  });
  afterEach(async () => {
    ending.abort();
    await Promise.all(running);
  });

  interface Given {
    readonly sources: readonly OfferedSource[] | (() => readonly OfferedSource[]);
    readonly ownPin?: string;
    readonly history?: SourceHistory;
    /** That are worth having. */
    readonly connections?: number;
  }

  /** Runs a download; users in the order in which they are dialled. */
  function dialledBy({ sources, ownPin = LOWEST, history, connections = 100 }: Given): string[] {
    const dialled: string[] = [];
    const pool = new SourcePool({
      request: {
        ...{ publicationId: PUBLICATION_ID, fileId: FILE_ID, sizeBytes: 1_000, owner: 'all0', name: 'a.bin' },
        ...{ directory: '/nowhere', fileName: 'a.bin', force: false },
      },
      tracker: {
        sources: async () => ({
          ...{ fileId: FILE_ID, size: 1_000, revision: 1, ticket: ticketFor(ownPin) },
          sources: typeof sources === 'function' ? sources() : sources,
        }),
        hold: async () => undefined,
      },
      connector: {
        needsNoAddress: false,
        connect({ user }, { signal }) {
          dialled.push(user);
          const { promise, reject } = Promise.withResolvers<never>();
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          return promise;
        },
      },
      ownPin,
      history: history ?? new SourceHistory(undefined, clock),
      useSession: async () => undefined,
      isWorking: () => false,
      rates: { open: () => expect.fail('nobody answers'), connections: () => connections },
      onListed: () => undefined,
      onNotice: () => undefined,
      onUpdate: () => undefined,
      clock,
    });
    pools.push(pool);
    running.push(pool.run(ending).catch(() => undefined));
    return dialled;
  }

  const partial = (dialled: readonly string[]): string[] => dialled.filter((user) => user.startsWith('part'));

  it('are all used when there are few, our own device never', async () => {
    const own = CROWD[0]!.device;
    const dialled = dialledBy({ sources: [...PUBLISHER, ...CROWD.slice(0, 4)], ownPin: own });

    await clock.advanceAsync(100);

    expect(dialled).to.have.members(['all0', 'part1', 'part2', 'part3']);
  });

  it('are at first a few of many downloaders, and some more after each look, to a limit', async () => {
    const dialled = dialledBy({ sources: [...PUBLISHER, ...CROWD] });
    const counts: number[] = [];
    for (let look = 0; look < 8; look += 1) {
      await clock.advanceAsync(look === 0 ? 100 : 2_000);
      counts.push(partial(dialled).length);
    }

    expect(counts.slice(0, 3)).to.deep.equal([4, 8, 12]);
    expect(dialled).to.include('all0').and.to.have.length(MOST_SOURCES);
  });

  it('are other downloaders for each of them: nobody serves all who come', async () => {
    const firsts = CROWD.map(({ device }) => dialledBy({ sources: [...PUBLISHER, ...CROWD], ownPin: device }));

    await clock.advanceAsync(100);

    for (const { user } of CROWD) {
      const customers = firsts.filter((dialled) => dialled.includes(user)).length;
      expect(customers, user).to.be.at.most(CROWD.length / 2);
    }
    expect(new Set(firsts.flatMap(partial)).size).to.be.above(CROWD.length / 2);
  });

  it('are the publisher too for those with the lowest pins alone, in a large swarm, as long as others may send', async () => {
    const askers = CROWD.map(({ device }) => ({
      device,
      dialled: dialledBy({ sources: [...PUBLISHER, ...CROWD], ownPin: device }),
    }));

    await clock.advanceAsync(900);
    const early = askers.filter(({ dialled }) => dialled.includes('all0')).map(({ device }) => device);
    await clock.advanceAsync(1_000);
    const late = askers.filter(({ dialled }) => dialled.includes('all0'));

    const lowest = CROWD.map(({ device }) => device)
      .toSorted()
      .slice(0, SWARM_BRINGERS);
    expect(early).to.have.members(lowest);
    expect(late, 'when nobody has sent anything for a second').to.have.length(CROWD.length);
  });

  it('are several publishers for as many more who bring', async () => {
    const twice = offers(2, 'all');
    const ninth = CROWD.map(({ device }) => device).toSorted()[SWARM_BRINGERS] ?? HIGHEST;
    const [one, two] = [PUBLISHER, twice].map((full) => dialledBy({ sources: [...full, ...CROWD], ownPin: ninth }));

    await clock.advanceAsync(100);

    expect([one, two].map((dialled) => dialled!.includes('all0'))).to.deep.equal([false, true]);
  });

  it('are no more than the limits of speed are worth, and one who has all when none of these sends anything', async () => {
    const dialled = dialledBy({ sources: [...PUBLISHER, ...CROWD], connections: 2, ownPin: HIGHEST });

    await clock.advanceAsync(900);
    const before = [...dialled];
    await clock.advanceAsync(5_000);

    expect(before).to.have.length(2).and.not.to.include('all0');
    expect(dialled).to.deep.equal([...before, 'all0']);
  });

  it('are none that lied about this file before, nor any that the tracker gives no address of', async () => {
    const history = new SourceHistory(undefined, clock);
    const [liar, hidden, honest] = CROWD as [OfferedSource, OfferedSource, OfferedSource];
    await history.note({ fileId: FILE_ID, device: liar.device, user: liar.user, what: 'sent wrong bytes' });
    const dialled = dialledBy({ sources: [liar, { ...hidden, addresses: [] }, honest], history });

    await clock.advanceAsync(5_000);

    expect(dialled).to.deep.equal([honest.user]);
  });

  it('that have gone and brought nothing are forgotten where the tracker makes up new ones without end', async () => {
    let looks = 0;
    dialledBy({
      sources: () => {
        looks += 1;
        return offers(200, 'part').map((offer) => ({ ...offer, device: pinOf(`${looks} ${offer.user}`) }));
      },
    });

    await clock.advanceAsync(16_000);

    expect(looks).to.be.above(5);
    expect(pools[0]?.rows()).to.have.length.below(600);
  });
});
