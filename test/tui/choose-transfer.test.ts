import { expect } from 'chai';

import { PeerError, type TransferRow } from '../../peer/api.js';
import { chooseTransfer } from '../../peer/wording/choose-transfer.js';

function row(transferId: string, change: Partial<TransferRow> = {}): TransferRow {
  return {
    transferId,
    name: `${transferId}.bin`,
    owner: 'alice',
    fileId: 'ab'.repeat(32),
    sizeBytes: 1,
    doneBytes: 0,
    receivedBytes: 0,
    resumedBytes: 0,
    bytesPerSecond: 0,
    sources: [],
    state: 'fetching',
    path: `/d/${transferId}.bin`,
    ...change,
  };
}

function refusal(...args: Parameters<typeof chooseTransfer>): string {
  try {
    return `chose ${chooseTransfer(...args)}`;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe('chooseTransfer', () => {
  const rows = [row('a'), row('b', { state: 'paused' }), row('c', { state: 'failed' }), row('d', { state: 'done' })];

  it('takes the only one that the word can mean', () => {
    expect(chooseTransfer('pause', undefined, rows)).to.equal('a');
    expect(chooseTransfer('resume', undefined, rows)).to.equal('b');
    expect(chooseTransfer('retry', undefined, rows)).to.equal('c');
    expect(chooseTransfer('retry', undefined, [row('e', { state: 'waiting', retryAt: 5 }), row('f')])).to.equal('e');
  });

  it('takes an id, a name, or a name with its owner', () => {
    for (const wanted of ['b', 'b.bin', '@alice/b.bin']) expect(chooseTransfer('cancel', wanted, rows)).to.equal('b');
  });

  it('asks which one when several fit', () => {
    expect(refusal('cancel', undefined, rows)).to.match(
      /^usage: Several downloads fit: @alice\/a\.bin, @alice\/b\.bin/,
    );
    const twins = [row('a', { name: 'x' }), row('b', { name: 'x' })];
    expect(refusal('pause', 'x', twins)).to.match(/^usage: /);
    expect(chooseTransfer('pause', 'b', twins)).to.equal('b');
  });

  it('says why there is none, without control characters', () => {
    expect(refusal('resume', undefined, [row('a')])).to.match(/^not-found: No download is paused/);
    expect(refusal('resume', 'a.bin', rows)).to.equal(
      'not-found: No change: a.bin is fetching, so resume does nothing. "status" lists all downloads.',
    );
    expect(refusal('pause', 'no\x1b[31m', rows)).to.match(/^not-found: There is no download called no/);
    expect(refusal('pause', 'no\x1b[31m', rows)).not.to.contain('\x1b');
  });
});
