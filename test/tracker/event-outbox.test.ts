import { expect } from 'chai';
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import { MEETING_LIFE_MS } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { EventOutbox } from '../../tracker/registry/event-outbox.js';

describe('events that a peer has not seen', () => {
  it('are sent again, but the word to meet somebody only as long as the meeting lasts', () => {
    const clock = new VirtualClock();
    const sent: string[] = [];
    const outbox = new EventOutbox(clock, () => ({ isReliable: false, send: ({ event }) => void sent.push(event) }));
    const meeting = {
      by: 'relay' as const,
      token: 'A'.repeat(22),
      user: 'bob',
      device: 'ab'.repeat(32),
      addresses: [],
    };
    outbox.post({ event: 'copies' });
    outbox.post({ event: 'reach', ...meeting });

    clock.advance(MEETING_LIFE_MS - 1);
    const during = sent.splice(0);
    clock.advance(MEETING_LIFE_MS);

    expect(during.filter((event) => event === 'reach').length).to.be.above(3);
    expect([...new Set(sent)]).to.deep.equal(['copies']);
    outbox.stop();
  });

  it('are not kept without end for who replaces his searches and sees nothing', () => {
    const clock = new VirtualClock();
    const sent: string[] = [];
    const link = { isReliable: false, send: (event: TrackerEvent) => void sent.push(event.event) };
    let isAway = true;
    const outbox = new EventOutbox(clock, () => (isAway ? undefined : link));
    outbox.post({ event: 'copies' });
    for (let index = 0; index < 2_000; index += 1)
      outbox.post({ event: 'match', search: `s${index}`, publicationIds: [] });

    isAway = false;
    outbox.flush();

    expect(sent).to.have.length(1 + 256);
    expect(sent).to.include('copies');
    outbox.stop();
  });

  it('are not sent again when they are taken back', () => {
    const clock = new VirtualClock();
    const sent: string[] = [];
    const outbox = new EventOutbox(clock, () => ({ isReliable: false, send: ({ event }) => void sent.push(event) }));
    outbox.post({ event: 'shutting-down' });
    outbox.post({ event: 'copies' });
    expect(sent.splice(0)).to.include('shutting-down');

    outbox.takeBack('shutting-down');
    clock.advance(60_000);

    expect([...new Set(sent)]).to.deep.equal(['copies']);
    outbox.stop();
  });
});
