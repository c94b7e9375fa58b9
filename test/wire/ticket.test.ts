import { expect } from 'chai';
import fc from 'fast-check';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Ticket } from '../../common/protocol/peer-messages.js';
import type { Identity } from '../../common/wire/identity.js';
import { openTicket, signTicket } from '../../common/wire/ticket.js';
import { seedFor } from '../support/seed.js';
import { newIdentity } from './test-identity.js';

const ticket: Ticket = {
  v: 1,
  ticketId: 'LZ3w0ZcN1o2xk8YHq4mQp',
  publicationId: 'V1StGXR8_Z5jdHi6B-myT',
  fileId: 'af'.repeat(32),
  size: 734_003_200,
  user: 'b'.repeat(64),
  device: '0f'.repeat(32),
  limits: {},
  issuedAt: 1_795_219_200_000,
  notAfter: 1_795_222_800_000,
};

describe('ticket', () => {
  let tracker: Identity;
  let stranger: Identity;
  before(async () => {
    [tracker, stranger] = await Promise.all([newIdentity(), newIdentity()]);
  });

  const isRefused = (text: string, spki = tracker.spki): boolean => {
    try {
      openTicket(text, spki);
      return false;
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'bad-ticket') return true;
      throw error;
    }
  };

  it('is read back as it was signed, by whoever knows the tracker', () => {
    expect(openTicket(signTicket(ticket, tracker), tracker.spki)).to.deep.equal(ticket);
  });

  it('of another tracker is refused', () => {
    expect(isRefused(signTicket(ticket, stranger))).to.equal(true);
    expect(isRefused(signTicket(ticket, tracker), stranger.spki)).to.equal(true);
  });

  it('with any character changed is refused', () => {
    const text = signTicket(ticket, tracker);
    for (let at = 0; at < text.length; at += 1) {
      for (const other of ['A', '.', '=']) {
        if (text[at] !== other)
          expect(isRefused(text.slice(0, at) + other + text.slice(at + 1)), `${other} at ${at}`).to.equal(true);
      }
    }
  });

  it('signed for another purpose is refused', () => {
    const payload = Buffer.from(JSON.stringify(ticket));
    const text = `${payload.toString('base64url')}.${tracker.sign(Buffer.from('shoal/1 device'), payload).toString('base64url')}`;

    expect(isRefused(text)).to.equal(true);
  });

  it('that is signed but malformed is refused', () => {
    for (const broken of [{ ...ticket, v: 2 }, { ...ticket, device: 'x' }, { ...ticket, notAfter: -1 }, {}]) {
      expect(isRefused(signTicket(broken as Ticket, tracker))).to.equal(true);
    }
  });

  it('no text and no key make it throw anything else', () => {
    const text = signTicket(ticket, tracker);
    for (let length = 0; length < text.length; length += 1) expect(isRefused(text.slice(0, length))).to.equal(true);
    for (const spki of [Buffer.alloc(0), Buffer.alloc(91), tracker.spki.subarray(1)])
      expect(isRefused(text, spki)).to.equal(true);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.tuple(fc.base64String(), fc.base64String()).map((parts) => parts.join('.')),
        ),
        (random) => {
          expect(isRefused(random)).to.equal(true);
        },
      ),
      { seed: seedFor('random tickets') },
    );
    expect(isRefused('A'.repeat(1_000_000))).to.equal(true);
  });
});
