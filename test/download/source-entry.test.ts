import { expect } from 'chai';
import { SourceEntry } from '../../peer/download/source-entry.js';
import { SourceFault } from '../../peer/download/source-fault.js';

describe('a source that is being reached', () => {
  const offer = {
    user: 'alice',
    device: 'ab'.repeat(32),
    has: 'all',
    addresses: [{ host: '127.0.0.1', port: 1 }],
  } as const;

  it('is not waited for where it was, when the tracker lists it elsewhere: it was started anew', () => {
    const entry = new SourceEntry(offer);
    const dialling = entry.startDialling();

    entry.list(offer);
    const before = dialling.aborted;
    entry.list({ ...offer, addresses: [{ host: '127.0.0.1', port: 2 }] });

    expect([before, dialling.aborted]).to.deep.equal([false, true]);
    expect(dialling.reason).to.include({ kind: 'unreachable' });
  });

  it('is no loss while it reads its touched file again, however often it says so', () => {
    const entry = new SourceEntry(offer);

    for (const now of [1_000, 2_000, 3_000, 4_000, 5_000])
      entry.end(new SourceFault('checking', 'reads the file again'), now);

    expect(entry).to.include({ isSpent: false, isStruckOut: false, checkingSince: 1_000 });
    expect(entry.row().state).to.equal('checking');
    entry.end(new SourceFault('changed', 'says that the file has changed'), 6_000);
    expect(entry.checkingSince).to.equal(undefined);
  });
});
