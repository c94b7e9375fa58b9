/** Sends every request example of docs/protocol.md to a running tracker and holds the answer against the reply example beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { REQUEST_TYPES, type RequestType } from '../../common/protocol/messages.js';
import { projectRoot } from '../support/shoal-command.js';
import type { RawTcp, RawUdp } from './raw-client.js';
import { newDevice, type RawDevice } from './raw-device.js';
import {
  loginOf,
  type RawGrant,
  type RawReply,
  type RawRequest,
  type RawUser,
  request,
  resumeOf,
  userOf,
} from './raw-messages.js';
import { receiptOf } from './raw-receipt.js';
import { TestTracker } from './test-tracker.js';

const text = readFileSync(join(projectRoot(), 'docs', 'protocol.md'), 'utf8');

function examples(kind: string, name: string): (RawRequest & RawReply)[] {
  const pattern = new RegExp(`^\`\`\`json ${kind} ${name}\n([\\s\\S]*?)^\`\`\`$`, 'gm');
  return [...text.matchAll(pattern)].map(([, json = '']) => JSON.parse(json) as RawRequest & RawReply);
}

function example(kind: string, name: string): RawRequest & RawReply {
  const [found] = examples(kind, name);
  if (found === undefined) throw new Error(`docs/protocol.md has no example "${kind} ${name}"`);
  return found;
}

type Ask = (message: RawRequest) => Promise<RawReply>;

/** Who asks what, with what only the session knows put in. */
interface Stage {
  readonly tracker: TestTracker;
  readonly alice: Ask;
  readonly bob: Ask;
  readonly bobsDevice: RawDevice;
  readonly grant: RawGrant;
  readonly udp: RawUdp;
  readonly publicationId: string;
}

const REPLAYS: Record<Exclude<RequestType, 'login' | 'resume' | 'path'>, (stage: Stage) => Promise<RawReply>> = {
  heartbeat: ({ alice }) => alice(example('request', 'heartbeat')),
  publish: async ({ alice }) => {
    await alice(request('unpublish', { names: ['holiday.mp4'] }));
    return alice(example('request', 'publish'));
  },
  rights: async ({ tracker, alice }) => {
    await tracker.store.addGroup('team');
    return alice(example('request', 'rights'));
  },
  rename: ({ alice, publicationId }) =>
    alice({ ...example('request', 'rename'), entries: [{ publicationId, name: 'summer.mp4' }] } as RawRequest),
  paths: (stage) => tellPaths(stage),
  searchPaths: async (stage) => {
    await tellPaths(stage);
    return stage.bob(example('request', 'searchPaths'));
  },
  listPublished: ({ alice }) => alice(example('request', 'listPublished')),
  listPeers: ({ alice }) => alice(example('request', 'listPeers')),
  search: ({ bob }) => bob(example('request', 'search')),
  searches: ({ bob }) => bob(example('request', 'searches')),
  sources: ({ bob, publicationId }) => bob({ ...example('request', 'sources'), publicationId }),
  hold: async ({ bob, publicationId }) => {
    await bob(request('sources', { publicationId, ticket: true }));
    return bob({ ...example('request', 'hold'), publicationId });
  },
  receipt: async ({ bob, bobsDevice, publicationId }) => {
    const { ticket } = await bob(request('sources', { publicationId, ticket: true }));
    const example_ = example('request', 'receipt');
    const terms = { ticket, bytes: example_['bytes'] as number, at: Date.now() };
    return bob({ ...example_, ...receiptOf(terms, { device: bobsDevice }) } as RawRequest);
  },
  reach: async ({ bob, publicationId }) => {
    const { sources } = await bob(request('sources', { publicationId, ticket: true }));
    return bob({ ...example('request', 'reach'), publicationId, device: sources[0].device } as RawRequest);
  },
  unpublish: ({ alice }) => alice(example('request', 'unpublish')),
  put: async (stage) => {
    await openDepot(stage);
    return stage.alice(example('request', 'put'));
  },
  copies: async (stage) => {
    await storeOne(stage);
    return stage.alice({ ...example('request', 'copies'), publicationIds: [stage.publicationId] });
  },
  del: async ({ alice, publicationId }) => alice({ ...example('request', 'del'), publicationId }),
  atRisk: ({ alice }) => alice(example('request', 'atRisk')),
  depot: async ({ tracker, bob }) => {
    await tracker.store.appointDepot('bob', true, Date.now());
    return bob(example('request', 'depot'));
  },
  work: async (stage) => {
    await storeOne(stage);
    return stage.bob(example('request', 'work'));
  },
  stored: async (stage) => {
    await storeOne(stage);
    return stage.bob({ ...example('request', 'stored'), publicationId: stage.publicationId });
  },
  revocations: async ({ tracker, alice }) => {
    await tracker.addUser('mallory');
    await tracker.store.changeAccount('mallory', { kind: 'disable' }, Date.now());
    return alice(example('request', 'revocations'));
  },
  admin: async ({ tracker, alice }) => {
    await tracker.grantAdmin('alice');
    await tracker.addUser('mallory');
    return alice(example('request', 'admin'));
  },
  logout: ({ alice }) => alice(example('request', 'logout')),
};

/** Bob runs a depot. */
async function openDepot({ tracker, bob }: Stage): Promise<void> {
  await tracker.store.appointDepot('bob', true, Date.now());
  await bob(request('depot', { capacity: Number.MAX_SAFE_INTEGER }));
}

async function storeOne(stage: Stage): Promise<void> {
  await openDepot(stage);
  await stage.alice(request('put', { names: ['holiday.mp4'] }));
}

async function tellPaths({ alice }: Stage): Promise<RawReply> {
  const paths = example('request', 'paths');
  const folder = { name: 'photos', fileId: paths['fileId'], size: 300, kind: 'folder', files: 1, bytes: 48_000 };
  const published = await alice(request('publish', { entries: [folder] }));
  return alice({ ...paths, publicationId: published['results'][0].publicationId });
}

describe('docs/protocol.md, replayed', () => {
  let tracker: TestTracker;
  beforeEach(async () => {
    tracker = await TestTracker.start({ users: ['alice', 'bob'] });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  it('replays every request there is', () => {
    expect([...Object.keys(REPLAYS), 'login', 'resume', 'path'].toSorted()).to.deep.equal(
      [...REQUEST_TYPES].toSorted(),
    );
  });

  for (const kind of ['TCP', 'UDP'] as const) {
    for (const [type, replay] of Object.entries(REPLAYS)) {
      it(`${type} is answered over ${kind} with the fields of its example`, async () => {
        const reply = await replay(await setStage(kind));

        expect(reply, JSON.stringify(reply)).to.have.property('ok', true);
        expectShape(reply, example('reply', type));
      });
    }

    it(`login and resume are answered over ${kind} with the fields of their example`, async () => {
      const { attempt, device, password, ...login } = example('request', 'login');
      const user = userOf('alice');
      const message = { ...login, ...pick(loginOf(user, tracker.identity.pin), ['attempt', 'device', 'password']) };
      const entered =
        kind === 'TCP' ? await (await tracker.tcp()).ask(message) : await (await tracker.udp()).login(message);
      expectShape(entered, example('reply', 'login'));
      expect([attempt, device, password]).not.to.include(undefined);

      const grant = entered as unknown as RawGrant;
      const fresh = pick(resumeOf(grant), ['attempt', 'token', 'proof']);
      const resume = { ...example('request', 'resume'), ...fresh };
      const resumed =
        kind === 'TCP'
          ? await (await tracker.tcp()).ask(resume)
          : await (await tracker.udp()).resume(resume, grant.resumeKey);
      expectShape(resumed, example('reply', 'login'));
    });
  }

  it('path is answered with the fields of its example', async () => {
    const { udp } = await setStage('UDP');
    const moved = await tracker.udp('127.0.0.3');
    moved.keys = udp.keys;
    moved.send(moved.seal(request('heartbeat')));
    const { challenge } = await moved.event('challenge');

    const reply = await moved.ask({ ...example('request', 'path'), challenge });

    expectShape(reply, example('reply', 'path'));
  });

  it('every example of admin is answered as the one beside it', async () => {
    const stage = await setStage('TCP');
    await tracker.grantAdmin('alice');
    await tracker.addUser('mallory');
    await tracker.store.addGroup('team');
    const replies = examples('reply', 'admin');
    for (const [index, asked] of examples('request', 'admin').entries()) {
      const reply = await stage.alice(asked);

      expect(reply, JSON.stringify(reply)).to.have.property('ok', true);
      const answer = replies.find(({ id }) => id === asked.id) ?? replies[0];
      expectShape(reply, answer, `example ${index}`);
    }
  });

  async function setStage(kind: 'TCP' | 'UDP'): Promise<Stage> {
    const enter = async (user: RawUser): Promise<{ client: RawTcp | RawUdp; grant: RawGrant }> =>
      kind === 'TCP' ? tracker.enterTcp(user) : tracker.enterUdp(user);
    const bobsDevice = newDevice();
    const [alice, bob] = [await enter(userOf('alice')), await enter(userOf('bob', bobsDevice))];
    const published = await alice.client.ask({ ...example('request', 'publish'), id: 'before' });
    return {
      tracker,
      alice: (message) => alice.client.ask(message),
      bob: (message) => bob.client.ask(message),
      bobsDevice,
      grant: alice.grant,
      udp: alice.client as RawUdp,
      publicationId: published['results'][0].publicationId,
    };
  }
});

function pick(message: RawRequest, fields: readonly string[]): object {
  return Object.fromEntries(fields.map((field) => [field, message[field]]));
}

/** The same fields with values of the same types, all the way down. */
function expectShape(found: unknown, documented: unknown, at = 'reply'): void {
  if (Array.isArray(documented)) {
    expect(found, at).to.be.an('array');
    for (const [index, item] of (found as unknown[]).entries())
      if (documented.length > 0) expectShape(item, documented[0], `${at}[${index}]`);
    return;
  }
  if (typeof documented !== 'object' || documented === null) {
    expect(typeof found, at).to.equal(typeof documented);
    return;
  }
  expect(found, at).to.be.an('object');
  expect(Object.keys(found as object).toSorted(), at).to.deep.equal(Object.keys(documented).toSorted());
  for (const [field, value] of Object.entries(documented))
    expectShape((found as Record<string, unknown>)[field], value, `${at}.${field}`);
}
