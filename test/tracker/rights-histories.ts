/** Steps that change who may fetch what, made to a tracker and to the model alike, and the looks that compare both. */
import { expect } from 'chai';
import fc from 'fast-check';
import { type RawRequest, request } from './raw-messages.js';
import { quickPasscodeHash } from './raw-passcode.js';
import { type ModelPublication, type ModelRights, type ModelTicket, OTHERS, OWNER, TEAM } from './rights-model.js';
import { type Client, RightsWorld, TRANSPORTS, type Transport } from './rights-world.js';

export const LOCKED = 'open sesame';
const GHOST = { publicationId: 'x'.repeat(21), name: 'ghost.bin', fileId: 'ef'.repeat(32) };
/** More wrong ones in a row are slowed down, which is another test's business. */
const MAX_WRONG = 4;

export type Step =
  | { readonly kind: 'rights'; readonly publication: ModelPublication; readonly rights: ModelRights }
  | { readonly kind: 'passcode'; readonly publication: ModelPublication; readonly passcode: string | undefined }
  | {
      readonly kind: 'downloads';
      readonly publication: ModelPublication;
      readonly downloads: { readonly most: number; readonly burn: boolean } | undefined;
    }
  | { readonly kind: 'expiry'; readonly publication: ModelPublication; readonly isExpired: boolean }
  | { readonly kind: 'replace' | 'rename'; readonly publication: ModelPublication; readonly tag: number }
  | { readonly kind: 'join' | 'leave' | 'disable' | 'enable'; readonly user: string }
  | {
      readonly kind: 'fetch';
      readonly publication: ModelPublication;
      readonly user: string;
      readonly passcode?: string | undefined;
      readonly transport?: Transport;
    }
  | { readonly kind: 'down' | 'up' };

/** Makes one step. While no tracker runs, only an administrator can make any. */
export async function step(world: RightsWorld, made: Step): Promise<void> {
  switch (made.kind) {
    case 'join':
    case 'leave':
    case 'disable':
    case 'enable':
      return administer(world, made.kind, made.user);
    case 'down':
      return world.isUp ? world.down() : undefined;
    case 'up':
      return world.isUp ? undefined : world.up();
    case 'fetch':
      return world.isUp ? fetch(world, made) : undefined;
    default:
      return world.isUp ? own(world, made) : undefined;
  }
}

async function own(world: RightsWorld, made: Step & { readonly publication: ModelPublication }): Promise<void> {
  const { model } = world;
  const { publication } = made;
  const change = (terms: object): Promise<void> =>
    world.own(request('rights', { names: [publication.name], ...terms }));
  switch (made.kind) {
    case 'rights':
      await change({ rights: made.rights });
      return model.setRights(publication, made.rights);
    case 'passcode':
      await change({ terms: { passcodeHash: made.passcode === undefined ? null : quickPasscodeHash(made.passcode) } });
      return model.setPasscode(publication, made.passcode);
    case 'downloads':
      await change({ terms: { downloads: made.downloads ?? null } });
      return model.setDownloads(publication, made.downloads);
    case 'expiry':
      await change({ terms: { expiresAt: made.isExpired ? world.clock.now() - 1 : null } });
      return model.setExpired(publication, made.isExpired);
    case 'replace': {
      const fileId = made.tag.toString(16).padStart(64, '0');
      const entries = [{ name: publication.name, fileId, size: 2_000, kind: 'file', replace: true }];
      await world.own(request('publish', { entries }));
      publication.fileId = fileId;
      return;
    }
    case 'rename': {
      const name = `renamed ${made.tag}.bin`;
      await world.own(request('rename', { entries: [{ publicationId: publication.publicationId, name }] }));
      publication.name = name;
      return;
    }
    default:
  }
}

async function administer(
  world: RightsWorld,
  kind: 'join' | 'leave' | 'disable' | 'enable',
  user: string,
): Promise<void> {
  const { model } = world;
  if (kind === 'join' || kind === 'leave')
    await world.admin((store, at) => store.changeMembers(TEAM, { kind, users: [user], at }));
  else await world.admin((store, at) => store.changeAccount(user, { kind }, at));
  if (kind === 'join') model.team.add(user);
  if (kind === 'leave') model.leave(user);
  if (kind === 'disable') {
    const wasActive = !model.disabled.has(user);
    model.disable(user);
    if (world.isUp && wasActive) await world.gone(user);
  }
  if (kind === 'enable' && model.disabled.delete(user) && world.isUp) await world.enter(user);
}

async function fetch(
  world: RightsWorld,
  { publication, user, passcode, transport = 'tcp' }: Step & { readonly kind: 'fetch' },
): Promise<void> {
  if (world.model.disabled.has(user)) return;
  const wish = { publicationId: publication.publicationId, ticket: true, ...(passcode && { passcode }) };
  const reply = await world.client(user, transport).ask(request('sources', wish));
  const outcome = reply.ok ? 'ok' : reply.error?.code;

  expect(outcome, `${user} asks for ${publication.name}`).to.equal(world.model.fetch(user, publication, passcode));
  if (reply.ok) world.model.tickets.push({ publication, user, text: reply['ticket'], isRevoked: false });
}

/** What everybody sees over one transport, and what a source says to every ticket there is. */
export async function checkNow(world: RightsWorld, transport: Transport): Promise<void> {
  await world.tellSource();
  checkTickets(world, revokedNow(world));
  await Promise.all(
    [OWNER, ...OTHERS]
      .filter((user) => !world.model.disabled.has(user))
      .map((user) => checkUser(world, user, world.client(user, transport))),
  );
}

/** `revoked`: as the source knows them. */
function checkTickets(world: RightsWorld, revoked: ReadonlySet<ModelTicket>): void {
  for (const ticket of world.model.tickets) {
    const { publication, user, text } = ticket;
    expect(world.judge(text, user), `${user}'s ticket for ${publication.name}`).to.equal(
      revoked.has(ticket) ? 'ticket-revoked' : 'ok',
    );
  }
}

function revokedNow({ model }: RightsWorld): Set<ModelTicket> {
  return new Set(model.tickets.filter(({ isRevoked }) => isRevoked));
}

async function checkUser({ model }: RightsWorld, user: string, client: Client): Promise<void> {
  const expected = model.visibleNames(user);
  expect(await namesOf(client, {}), `what ${user} finds`).to.deep.equal(expected);
  await Promise.all(
    model.publications.map(async (publication) => {
      const { name, fileId, publicationId } = publication;
      const names = model.isVisible(user, publication) ? [name] : [];
      const [byName, byId, sources] = await Promise.all([
        namesOf(client, { text: name, exact: true }),
        namesOf(client, { idPrefix: fileId }),
        client.ask(request('sources', { publicationId, ticket: false })),
      ]);
      expect([byName, byId], `${user} looks for ${name}`).to.deep.equal([names, names]);
      expect(sources.ok, `${user} asks who has ${name}`).to.equal(names.length === 1);
    }),
  );
  if (user === OWNER) return;
  const { peers } = await client.ask(request('listPeers'));
  expect(peers, `whom ${user} sees`).to.deep.include.members([
    { ...peers[0], user: OWNER, publications: expected.length },
  ]);
}

/** Names in all pages, sorted; nothing in them that only the owner may know. */
async function namesOf(client: Client, fields: object): Promise<string[]> {
  const names: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = cursor === undefined ? {} : { cursor };
    const reply = await client.ask(request('search', { text: '', all: true, mine: true, ...fields, ...page }));
    expect(JSON.stringify(reply)).to.not.contain('argon2');
    for (const { name } of reply['publications'] as { name: string }[]) names.push(name);
    cursor = reply['cursor'];
    if (cursor === undefined) return names.toSorted();
  }
}

/** Every request about something hidden and about something that does not exist: same bytes, same work. */
export async function tellApart(
  world: RightsWorld,
  { user, publication, transport }: { user: string; publication: ModelPublication; transport: Transport },
): Promise<void> {
  const client = world.client(user, transport);
  const ghosts = probes(GHOST);
  const acks: string[] = [];
  for (const [index, probe] of probes(publication).entries()) {
    const ghost = ghosts[index] ?? probe;
    acks.push(probe.id, ghost.id);
    const what = `${user} over ${transport}: ${JSON.stringify(probe)}`;
    const [hidden, missing] = [await world.measured(client, probe), await world.measured(client, ghost)];
    expect(`${hidden.reply} (${hidden.work})`, what).to.equal(`${missing.reply} (${missing.work})`);
  }
  await client.ask(request('heartbeat', { acks: acks.slice(0, 32) }));
}

function probes({
  publicationId,
  name,
  fileId,
}: Pick<ModelPublication, 'publicationId' | 'name' | 'fileId'>): RawRequest[] {
  return [
    request('sources', { publicationId, ticket: false }),
    request('sources', { publicationId, ticket: true }),
    request('sources', { publicationId, ticket: true, passcode: LOCKED }),
    request('sources', { publicationId, ticket: true, fileId }),
    request('hold', { publicationId, fileId, has: 'all' }),
    request('hold', { publicationId, fileId, has: 'none' }),
    request('search', { text: name, exact: true, all: true }),
    request('search', { text: name, ignoreCase: true, owner: OWNER }),
    request('search', { text: '', idPrefix: fileId, all: true }),
    request('rights', { names: [name], rights: 'public' }),
    request('rights', { names: [name], terms: { passcodeHash: null, expiresAt: null, downloads: null } }),
    request('rename', { entries: [{ publicationId, name: 'mine now.bin' }] }),
    request('unpublish', { names: [name] }),
  ];
}

const publication = fc.nat({ max: 2 });
const user = fc.constantFrom(...OTHERS);
const rights: fc.Arbitrary<ModelRights> = fc.constantFrom<ModelRights[]>(
  'public',
  { users: [], groups: [] },
  { users: ['bob'], groups: [] },
  { users: [], groups: [TEAM] },
  { users: ['dave'], groups: [TEAM] },
);
const is = <K extends string>(kind: K): fc.Arbitrary<K> => fc.constant(kind);
/** As steps, with a number in place of the publication. */
const planned = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: is('rights'), publication, rights }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: is('passcode'),
      publication,
      passcode: fc.constantFrom(LOCKED, 'another', undefined),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: is('downloads'),
      publication,
      downloads: fc.option(fc.record({ most: fc.integer({ min: 1, max: 2 }), burn: fc.boolean() }), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: is('expiry'), publication, isExpired: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('replace', 'rename'), publication, tag: fc.nat({ max: 2 ** 20 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('join', 'join', 'leave', 'disable', 'enable', 'enable'), user }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: is('fetch'),
      publication,
      user,
      passcode: fc.constantFrom(LOCKED, LOCKED, 'another', undefined),
      transport: fc.constantFrom(...TRANSPORTS),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('down', 'up') }) },
);
type Planned = typeof planned extends fc.Arbitrary<infer P> ? P : never;

export const histories = (length: number): fc.Arbitrary<Planned[]> =>
  fc.array(planned, { minLength: Math.ceil(length / 2), maxLength: length });

/** Makes the steps, and after each compares what everybody sees with the model. */
export async function runHistory(plan: readonly Planned[]): Promise<void> {
  await using world = await RightsWorld.open();
  for (let index = 0; index < 3; index += 1) await world.publish(`file ${index}.bin`, `${index}`.repeat(64));
  const wrong = new Map<string, number>();
  let known = revokedNow(world);
  for (const [index, one] of plan.entries()) {
    await step(world, toStep(world, one, wrong));
    const transport = TRANSPORTS[index % TRANSPORTS.length] ?? 'tcp';
    // Tickets hold while no tracker runs; what is revoked meanwhile ends as soon as it is back.
    if (!world.isUp) {
      checkTickets(world, known);
      continue;
    }
    await checkNow(world, transport);
    known = revokedNow(world);
    const hidden = OTHERS.flatMap((name) =>
      world.model.disabled.has(name)
        ? []
        : world.model.publications
            .filter((file) => !world.model.isVisible(name, file))
            .map((file) => ({ user: name, publication: file })),
    );
    const probe = hidden[index % Math.max(1, hidden.length)];
    if (probe !== undefined) await tellApart(world, { ...probe, transport });
  }
}

function toStep({ model }: RightsWorld, one: Planned, wrong: Map<string, number>): Step {
  if (!('publication' in one)) return one as Step;
  const file = model.publications[one.publication] as ModelPublication;
  if (one.kind !== 'fetch') return { ...one, publication: file } as Step;
  const isWrong = one.passcode !== undefined && file.passcode !== undefined && one.passcode !== file.passcode;
  const count = (wrong.get(one.user) ?? 0) + (isWrong ? 1 : 0);
  wrong.set(one.user, count);
  const { passcode: _, ...rest } = one;
  return { ...rest, publication: file, ...(count <= MAX_WRONG && { passcode: one.passcode }) } as Step;
}
