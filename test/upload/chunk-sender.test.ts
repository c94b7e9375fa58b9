import { expect } from 'chai';

import { systemClock } from '../../common/runtime/clock.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';
import { RateMeter } from '../../peer/file-port/rate-meter.js';
import { BlockPool, MAX_BLOCK_BYTES } from '../../peer/file-port/run-block.js';
import { FREE_SHARE } from '../../peer/rates/rate-shares.js';
import { ChunkSender, type SendTurn } from '../../peer/upload/chunk-sender.js';
import type { UploadDesk } from '../../peer/upload/upload-desk.js';
import { createUploadSlots } from '../../peer/upload/upload-slots.js';

describe('ChunkSender', () => {
  it('ends its turn, and not the program, when the reader goes while the next block is being read', async () => {
    const gone = new Error('write ECONNRESET');
    const written = Promise.withResolvers<void>();
    let reads = 0;
    const file = {
      read: async () => {
        reads += 1;
        if (reads === 1) return;
        written.reject(gone);
        // Long enough for Node to call the failed write unhandled.
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      },
    };
    const connection = { sendRun: () => written.promise };
    const desk = {
      blocks: new BlockPool(MAX_BLOCK_BYTES, 2),
      slots: createUploadSlots({ clock: systemClock }),
      meter: new RateMeter(),
      clock: systemClock,
    };
    const sender = new ChunkSender(connection as unknown as PeerConnection, desk as unknown as UploadDesk);
    const turn = {
      id: 1,
      file,
      share: FREE_SHARE,
      tally: { add: () => undefined },
      offset: 0,
      end: 2 * MAX_BLOCK_BYTES,
    };

    const ended = sender.sendTurn({ ...turn, signal: new AbortController().signal } as unknown as SendTurn);

    expect(await ended.catch((error: unknown) => error)).to.equal(gone);
  });
});
