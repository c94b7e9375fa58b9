import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import { MAX_BLOCK_BYTES, type RunBlock } from '../file-port/run-block.js';
import type { RateShare } from '../rates/rate-shares.js';
import type { ServedFile } from './served-file.js';
import type { UploadDesk } from './upload-desk.js';
import type { UploadTally } from './upload-row.js';

/** The first run: a slow reader takes it well within the write deadline. */
const FIRST_BLOCK_BYTES = 64 * 1024;
/** With many transfers at once each holds smaller blocks, so that memory stays bounded. */
const CROWD = 16;
const CROWD_BLOCK_BYTES = 256 * 1024;
/** A block that left within this was too small, ms; one that took longer than `SLOW_MS` too large. */
const FAST_MS = 100;
const SLOW_MS = 1_000;
/** Blocks on their way at once: one fills the line while the next is handed over. */
const MAX_LEAVING = 2;
/** A place is given up after this many bytes when others wait for one. */
export const TURN_BYTES = 16 * 1024 * 1024;

export interface SendTurn extends AbortOptions {
  readonly id: number;
  readonly file: Pick<ServedFile, 'read'>;
  readonly tally: UploadTally;
  readonly share: RateShare;
  readonly offset: number;
  readonly end: number;
}

/** Sends runs of files over one connection: reads one block ahead of what is being sent, and fits the blocks to the reader's speed. */
export class ChunkSender {
  #blockBytes = FIRST_BLOCK_BYTES;

  constructor(
    private readonly connection: PeerConnection,
    private readonly desk: UploadDesk,
  ) {}

  /** Sends from `offset` towards `end` and returns how far it came: not to the end when others wait for the place. */
  async sendTurn(turn: SendTurn): Promise<number> {
    let { offset } = turn;
    const leaving: Promise<void>[] = [];
    try {
      while (offset < turn.end && !this.#mustYield(offset - turn.offset)) {
        const bytes = Math.min(this.#nextBytes(turn.share), turn.end - offset);
        const block = await this.#read(turn, offset, bytes);
        const sending = this.#send(turn, { block, offset, bytes });
        sending.catch(() => undefined); // Heard below, but it may fail while the next block is being read.
        leaving.push(sending);
        offset += bytes;
        if (leaving.length >= MAX_LEAVING) await leaving.shift();
      }
    } finally {
      await Promise.allSettled(leaving); // What is under way cannot be taken back; if it fails the connection has closed.
    }
    return offset;
  }

  async #read({ file, share, signal }: SendTurn, offset: number, bytes: number): Promise<RunBlock> {
    const { blocks } = this.desk;
    await share.take(bytes, { signal });
    const block = blocks.take();
    try {
      await file.read(block.body.subarray(0, bytes), offset);
      signal.throwIfAborted();
      return block;
    } catch (error) {
      blocks.give(block);
      throw error;
    }
  }

  async #send({ id, tally }: SendTurn, run: { block: RunBlock; offset: number; bytes: number }): Promise<void> {
    const { clock, blocks, meter, slots } = this.desk;
    const startedAt = clock.monotonic();
    tally.add(run.bytes);
    meter.add(run.bytes);
    slots.moved(run.bytes);
    try {
      await this.connection.sendRun(id, run);
    } finally {
      blocks.give(run.block);
    }
    this.#fitBlocks(clock.monotonic() - startedAt);
  }

  #fitBlocks(tookMs: number): void {
    if (tookMs < FAST_MS) this.#blockBytes = Math.min(MAX_BLOCK_BYTES, this.#blockBytes * 2);
    else if (tookMs > SLOW_MS) this.#blockBytes = Math.max(FIRST_BLOCK_BYTES / 4, this.#blockBytes / 2);
  }

  #nextBytes({ pieceBytes }: RateShare): number {
    const most = this.desk.slots.running > CROWD ? CROWD_BLOCK_BYTES : MAX_BLOCK_BYTES;
    return Math.min(this.#blockBytes, most, pieceBytes);
  }

  #mustYield(sentBytes: number): boolean {
    return sentBytes >= TURN_BYTES && this.desk.slots.isContended;
  }
}
