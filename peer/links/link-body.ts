import type { ServerResponse } from 'node:http';

import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { MAX_BLOCK_BYTES } from '../file-port/run-block.js';
import { WriteWatch } from '../file-port/write-watch.js';
import type { ServedFile } from '../upload/served-file.js';
import type { SharedFile } from '../upload/shared-file.js';
import type { Uploads } from '../upload/uploads.js';
import type { ByteRange } from './link-request.js';

/** Small enough that a slow client takes one within the write deadline. */
const BLOCK_BYTES = MAX_BLOCK_BYTES / 4;

export interface LinkBody {
  readonly file: ServedFile;
  readonly shared: SharedFile;
  readonly range: ByteRange;
  readonly uploads: Uploads;
  /** `link ID`: links take turns with users. */
  readonly owner: string;
  readonly clock: Clock;
  /** Writes the head; called when the first bytes are there and good. */
  readonly head: () => void;
}

/**
 * Sends the bytes of `range`, reading one block while the one before it leaves, and ends the answer. Returns how many were sent.
 * @throws {ProtocolError} `changed`.
 */
export async function sendBody(response: ServerResponse, body: LinkBody, { signal }: AbortOptions): Promise<number> {
  const { file, range, uploads, clock, owner } = body;
  const tally = uploads.startTally(body.shared.name, 'link');
  using share = uploads.rates.open({ owner, peer: owner, transfer: owner });
  const watch = new WriteWatch(clock, (error) => response.destroy(error));
  const blockBytes = Math.min(BLOCK_BYTES, range.end - range.start);
  const blocks: Buffer[] = [];
  const read = async (offset: number, turn: number): Promise<Buffer> => {
    blocks[turn % 2] ??= Buffer.allocUnsafeSlow(blockBytes);
    const bytes = (blocks[turn % 2] as Buffer).subarray(0, Math.min(blockBytes, range.end - offset, share.pieceBytes));
    await share.take(bytes.length, { signal });
    await file.read(bytes, offset);
    signal.throwIfAborted();
    return bytes;
  };
  let reading: Promise<Buffer> | undefined;
  try {
    for (let offset = range.start, turn = 0; offset < range.end; turn += 1) {
      const bytes = await (reading ?? read(offset, turn));
      if (offset === range.start) body.head();
      offset += bytes.length;
      watch.began(bytes.length);
      const leaving = write(response, bytes, { signal });
      reading = offset < range.end ? read(offset, turn + 1) : undefined;
      reading?.catch(() => undefined); // Heard in the next turn, but it may fail before.
      await leaving;
      watch.ended(bytes.length);
      tally.add(bytes.length);
      uploads.count(bytes.length);
    }
    response.end();
    return range.end - range.start;
  } finally {
    await reading?.catch(() => undefined); // The file must not be closed under it.
    watch.stop();
    uploads.endTally(tally);
  }
}

/** Resolves when the bytes have left: then the block may be filled again. A closed answer never says so, hence the signal. */
async function write(response: ServerResponse, bytes: Buffer, { signal }: AbortOptions): Promise<void> {
  signal.throwIfAborted(); // the block was read while the one before left: that it was judged then says nothing
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  response.write(bytes, (error) => {
    if (error) reject(error);
    else resolve();
  });
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
