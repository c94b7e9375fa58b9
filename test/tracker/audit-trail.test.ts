import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { silentLog } from '../../common/runtime/log.js';
import { AuditTrail } from '../../tracker/operate/audit-trail.js';
import type { AuditRow } from '../../tracker/store/store.js';
import { StoreError } from '../../tracker/store/store-error.js';

describe('the audit trail', () => {
  let clock: VirtualClock;
  let trail: AuditTrail;
  let stored: AuditRow[];
  let isFull: boolean;
  beforeEach(() => {
    clock = new VirtualClock();
    stored = [];
    isFull = false;
    const recordAudit = async (rows: readonly AuditRow[]): Promise<void> => {
      if (isFull) throw new StoreError('storage', 'full');
      stored.push(...rows);
    };
    trail = new AuditTrail({ recordAudit }, clock, silentLog);
  });
  afterEach(() => trail.stop());

  it('keeps what could not be written, in order, and writes it when there is room', async () => {
    isFull = true;
    trail.note('login', { user: 'alice' });
    await trail.settle();
    trail.note('login', { user: 'bob' });

    isFull = false;
    await clock.advanceAsync(200);

    expect(stored.map(({ user }) => user)).to.deep.equal(['alice', 'bob']);
    expect(trail.lost).to.equal(0);
  });

  it('takes ten failed logins a second after the first hundred, and counts the others', async () => {
    for (let count = 0; count < 1_000; count += 1) trail.note('login-failed', { user: 'mallory' });
    clock.advance(1_000);
    for (let count = 0; count < 50; count += 1) trail.note('login-failed', { user: 'mallory' });
    trail.note('login', { user: 'alice' });
    await trail.flush();

    expect(stored.filter(({ kind }) => kind === 'login-failed')).to.have.length(110);
    expect(stored.at(-1)?.user).to.equal('alice');
    expect(trail.lost).to.equal(940);
  });

  it('notes a ticket that is renewed once an hour, for each device and publication', async () => {
    const ticket = { user: 'bob', device: 'd1', subject: 'p1' };
    trail.noteOnce('ticket', ticket);
    clock.advance(1_800_000);
    trail.noteOnce('ticket', ticket);
    trail.noteOnce('ticket', { ...ticket, device: 'd2' });
    clock.advance(1_800_000);
    trail.noteOnce('ticket', ticket);
    await trail.flush();

    expect(stored.map(({ device }) => device)).to.deep.equal(['d1', 'd2', 'd1']);
  });

  it('does not grow without end while nothing can be written', async () => {
    isFull = true;
    for (let count = 0; count < 12_000; count += 1) trail.note('login', { user: 'alice' });

    await trail.settle();
    isFull = false;
    await trail.flush();

    expect([stored.length, trail.lost]).to.deep.equal([10_000, 2_000]);
  });
});
