import { expect } from 'chai';
import type { Ticket } from '../../common/protocol/peer-messages.js';
import type { Receipt } from '../../common/protocol/receipt-fields.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { isMarkOf, judgeReceipt, signReceipt } from '../../common/wire/receipt.js';
import { signTicket } from '../../common/wire/ticket.js';
import { LaneReceipts } from '../../peer/receipts/lane-receipts.js';
import { type TempDir, tempDir } from '../support/temp.js';

const AT = 1_795_219_300_000;

describe('the receipts of one connection, at its source', () => {
  let dir: TempDir;
  let tracker: Identity;
  let source: Identity;
  let fetcher: Identity;
  let handed: Receipt[];
  let lane: LaneReceipts<{ sentBytes: number }>;
  before(async () => {
    dir = await tempDir();
    const make = (name: string) => loadOrCreateIdentity(dir.join(name), { commonName: 'test' });
    [tracker, source, fetcher] = [await make('tracker.pem'), await make('source.pem'), await make('fetcher.pem')];
  });
  after(() => dir[Symbol.asyncDispose]());
  beforeEach(() => {
    handed = [];
    lane = new LaneReceipts({ identity: source, trackerNow: () => AT, hand: (receipt) => handed.push(receipt) });
  });

  const ticketOf = (ticketId: string): Ticket => ({
    ...{ v: 1, ticketId, publicationId: 'p'.repeat(21), fileId: 'ab'.repeat(32), size: 100, user: 'bob' },
    ...{ device: fetcher.pin, limits: {}, issuedAt: AT, notAfter: AT + 3_600_000 },
  });
  const FIRST = 'f'.repeat(21);
  const RENEWED = 'r'.repeat(21);
  const open = (ticketId: string) => {
    const ticket = ticketOf(ticketId);
    const text = signTicket(ticket, tracker);
    return { text, tally: lane.opened(text, ticket, () => ({ sentBytes: 0 })) };
  };
  const askFor = (ticketId: string, text: string, { bytes, by = fetcher }: { bytes: number; by?: Identity }) => {
    const device = signReceipt({ ticket: text, bytes, outcome: 'verified', at: AT }, source.pin, by);
    return { id: 1, type: 'receipt' as const, ticketId, bytes, at: AT, device };
  };

  it('are signed for what was sent, and handed in with both signatures; nothing is said at the end', () => {
    const { text, tally } = open(FIRST);
    tally.sentBytes = 100;

    const mark = lane.sign(askFor(FIRST, text, { bytes: 90 }));
    lane.close();

    const terms = { ticket: text, bytes: 90, outcome: 'verified' as const, at: AT };
    expect(isMarkOf(mark, source.pin, { terms, source: source.pin })).to.equal(true);
    expect(handed).to.have.length(1);
    expect(judgeReceipt(handed[0]!, tracker.spki)).to.include({ isSignedByDevice: true, isSignedBySource: true });
  });

  it('do not hide what was sent from who signs for little of it, before or after it was fetched, and are signed once', () => {
    const { text, tally } = open(FIRST);
    tally.sentBytes = 10;
    lane.sign(askFor(FIRST, text, { bytes: 10 }));
    tally.sentBytes = 100;

    expect(() => lane.sign(askFor(FIRST, text, { bytes: 11 })))
      .to.throw()
      .with.property('code', 'not-allowed');
    lane.close();

    expect(handed.map(({ bytes, outcome }) => [bytes, outcome])).to.deep.equal([
      [10, 'verified'],
      [100, 'sent'],
    ]);
  });

  it('are not signed for more than was sent, nor for what somebody else has signed, nor under a ticket that was not shown', () => {
    const { text, tally } = open(FIRST);
    tally.sentBytes = 100;
    const codeOf = (work: () => unknown): string => {
      try {
        work();
        return 'signed';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };

    expect(codeOf(() => lane.sign(askFor(FIRST, text, { bytes: 101 })))).to.equal('not-allowed');
    expect(codeOf(() => lane.sign(askFor(FIRST, text, { bytes: 90, by: source })))).to.equal('bad-message');
    expect(codeOf(() => lane.sign(askFor(RENEWED, text, { bytes: 90 })))).to.equal('bad-ticket');
    expect(handed).to.deep.equal([]);
  });

  it('count what was sent under an earlier ticket for the same content', () => {
    const { tally } = open(FIRST);
    tally.sentBytes = 100;
    const { text } = open(RENEWED);

    lane.sign(askFor(RENEWED, text, { bytes: 100 }));

    expect(handed.map(({ bytes }) => bytes)).to.deep.equal([100]);
  });

  it('are the word of the source alone when the connection ends without one; what took nothing is not mentioned', () => {
    const { tally } = open(FIRST);
    tally.sentBytes = 40;
    const ticket = { ...ticketOf(RENEWED), fileId: 'cd'.repeat(32) };
    lane.opened(signTicket(ticket, tracker), ticket, () => ({ sentBytes: 0 }));

    lane.close();
    lane.close();

    expect(handed.map(({ bytes, outcome }) => [bytes, outcome])).to.deep.equal([[40, 'sent']]);
    const judged = judgeReceipt(handed[0]!, tracker.spki);
    expect(judged).to.include({ isSignedByDevice: false, isSignedBySource: true, source: source.pin });
    expect(judged.ticket.user).to.equal('bob');
  });
});
