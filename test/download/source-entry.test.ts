import { expect } from 'chai';
import { SourceEntry } from '../../peer/download/source-entry.js';

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
});
