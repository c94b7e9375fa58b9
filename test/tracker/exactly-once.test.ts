import { expect } from 'chai';
import { MAX_UNACKNOWLEDGED } from '../../common/protocol/limits.js';
import { publishOf, request, resumeOf, userOf } from './raw-messages.js';
import { grantOf, TestTracker } from './test-tracker.js';

describe('a mutation whose reply was lost', () => {
  let tracker: TestTracker;
  beforeEach(async () => {
    tracker = await TestTracker.start();
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  it('has the same outcome when it is sent again over UDP, and over TCP', async () => {
    const { client: udp, grant } = await tracker.enterUdp('alice');
    const publish = publishOf('a.bin');
    const unpublish = request('unpublish', { names: ['a.bin'] });

    const published = [await udp.ask(publish)];
    udp.send(udp.seal(publish));
    published.push(await udp.reply(publish.id, 1));
    const unpublished = [await udp.ask(unpublish)];
    const tcp = await tracker.tcp();
    await tcp.ask(resumeOf(grant));
    unpublished.push(await tcp.ask(unpublish));
    published.push(await tcp.ask(publish));

    for (const reply of published) expect(reply).to.deep.equal(published[0]);
    for (const reply of unpublished) expect(reply).to.deep.equal(unpublished[0]);
    expect(unpublished[0]?.['results'][0].ok).to.equal(true);
    expect((await tcp.ask(request('listPublished')))['publications']).to.deep.equal([]);
  });

  it('has the same outcome after a restart of the tracker', async () => {
    const { client, grant } = await tracker.enterTcp('alice');
    const publish = publishOf('a.bin');
    const first = await client.ask(publish);
    await tracker.close();
    await tracker.open();

    const again = await tracker.tcp();
    const { live, libraryRevision } = grantOf(await again.ask(resumeOf(grant)));
    const second = await again.ask(publish);

    expect(second).to.deep.equal(first);
    expect({ live, libraryRevision }).to.deep.equal({ live: false, libraryRevision: 1 });
    expect((await again.ask(request('listPublished')))['publications'][0]).to.include({ name: 'a.bin', sources: 1 });
  });

  it('is refused when the id comes with another body', async () => {
    const { client } = await tracker.enterTcp('alice');
    const publish = publishOf('a.bin');
    await client.ask(publish);
    client.messages.length = 0;

    expect((await client.ask({ ...publishOf('b.bin'), id: publish.id })).error?.code).to.equal('id-reused');
  });

  it('is repeated whatever acks and seen are sent with it', async () => {
    const { client } = await tracker.enterUdp('alice');
    const publish = publishOf('a.bin');
    const first = await client.ask(publish);

    client.send(client.seal({ ...publish, acks: ['x'], seen: ['y'] }));

    expect(await client.reply(publish.id, 1)).to.deep.equal(first);
  });

  it('is not made again by an older copy that comes behind its acknowledgement', async () => {
    const { client } = await tracker.enterUdp('alice');
    const publish = publishOf('a.bin');
    const copy = client.seal(publish);
    await client.ask(publish);
    await client.ask(request('unpublish', { names: ['a.bin'], acks: [publish.id] }));

    client.send(copy);

    expect((await client.reply(publish.id, 1)).error?.code).to.equal('id-reused');
    expect((await client.ask(request('listPublished')))['publications']).to.deep.equal([]);
  });

  it(`may wait with ${MAX_UNACKNOWLEDGED} others at most; an acknowledgement in any request makes room`, async () => {
    const { client } = await tracker.enterTcp('alice');
    const ids: string[] = [];
    for (let index = 0; index < MAX_UNACKNOWLEDGED; index += 1) {
      const publish = publishOf(`file ${index}`);
      ids.push(publish.id);
      expect((await client.ask(publish)).ok).to.equal(true);
    }
    expect((await client.ask(publishOf('one more'))).error?.code).to.equal('too-many-pending');

    await client.ask(request('heartbeat', { acks: ids.slice(0, 3) }));

    expect((await client.ask(publishOf('one more'))).ok).to.equal(true);
  });

  it('logs out once: the repetition says so too, and the token is dead, also after a restart', async () => {
    const { client, grant } = await tracker.enterUdp('alice');
    const logout = request('logout');
    await client.ask(logout);
    client.send(client.seal(logout));

    expect((await client.reply(logout.id, 1)).ok).to.equal(true);
    expect((await client.ask(request('heartbeat'))).error?.code).to.equal('session-ended');
    await tracker.close();
    await tracker.open();
    expect((await (await tracker.tcp()).ask(resumeOf(grant))).error?.code).to.equal('bad-token');
  });

  it('lets a user who logged out elsewhere keep this session', async () => {
    const alice = userOf('alice');
    const { client } = await tracker.enterTcp(alice);
    const { client: command } = await tracker.enterTcp(alice, { serving: false });

    await command.ask(request('logout'));

    expect((await client.ask(request('heartbeat'))).ok).to.equal(true);
  });
});
