import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { MAX_REPLIES, REMEMBERED_MS, RecentReplies } from '../../tracker/transport/recent-replies.js';

describe('RecentReplies', () => {
  let clock: VirtualClock;
  let replies: RecentReplies;
  beforeEach(() => {
    clock = new VirtualClock();
    replies = new RecentReplies(clock);
  });

  const datagram = (text: string): Buffer => Buffer.from(text);

  it('has the reply to a copy, says that it is not there yet, and knows nothing of others', () => {
    const settle = replies.begin(datagram('a'));
    const early = replies.find(datagram('a'));
    settle(datagram('reply'));

    expect(early).to.equal('pending');
    expect(replies.find(datagram('a'))).to.deep.equal(datagram('reply'));
    expect(replies.find(datagram('b'))).to.equal(undefined);
  });

  it('lets a datagram be tried again that got no reply', () => {
    replies.begin(datagram('a'))(undefined);

    expect(replies.find(datagram('a'))).to.equal(undefined);
  });

  it('forgets a reply when the peer sends no more copies', () => {
    replies.begin(datagram('a'))(datagram('reply'));
    clock.advance(REMEMBERED_MS - 1);
    expect(replies.find(datagram('a'))).to.not.equal(undefined);
    clock.advance(1);

    expect(replies.find(datagram('a'))).to.equal(undefined);
  });

  it(`keeps the newest ${MAX_REPLIES}`, () => {
    for (let index = 0; index <= MAX_REPLIES; index += 1) replies.begin(datagram(`${index}`))(datagram('reply'));

    expect(replies.find(datagram('0'))).to.equal(undefined);
    expect(replies.find(datagram('1'))).to.not.equal(undefined);
    expect(replies.find(datagram(`${MAX_REPLIES}`))).to.not.equal(undefined);
  });
});
