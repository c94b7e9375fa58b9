import { expect } from 'chai';
import type { Receipt } from '../../common/protocol/receipt-fields.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';
import { FetchReceipts } from '../../peer/receipts/fetch-receipts.js';
import { hastyClock } from '../support/hasty-clock.js';
import { type TempDir, tempDir } from '../support/temp.js';

const SOURCE = 'ab'.repeat(32);

describe('the receipts of one connection, at its fetcher', () => {
  let dir: TempDir;
  let identity: Identity;
  before(async () => {
    dir = await tempDir();
    identity = await loadOrCreateIdentity(dir.join('fetcher.pem'), { commonName: 'test' });
  });
  after(() => dir[Symbol.asyncDispose]());

  it('do not wait for a source that never signs: its connection is let go, and what came is handed in', async () => {
    const silent = {
      pin: SOURCE,
      isOpen: true,
      onClose: () => () => undefined,
      forsake: () => undefined,
      request: () => 1,
    };
    const handed: Receipt[] = [];
    const box = { hand: (receipt: Receipt) => void handed.push(receipt), expect: (coming: Promise<void>) => coming };
    const receipts = new FetchReceipts({ identity, box, trackerNow: () => 1_795_219_300_000, clock: hastyClock });

    const ticket = { text: 'ticket', ticketId: 't'.repeat(21) };
    await receipts.settle(silent as unknown as PeerConnection, { ticket, bytes: 100, hasLied: false });

    expect(handed.map(({ bytes, source }) => ({ bytes, source }))).to.deep.equal([
      { bytes: 100, source: { pin: SOURCE } },
    ]);
  });
});
