import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { RelayPair } from '../../tracker/relay/relay-pair.js';

const CHUNK = 16 * 1024;
const CHUNKS = 100;

/** A connection whose other side takes what is written only when the test says so. */
class End extends Duplex {
  readonly taken: Buffer[] = [];
  readonly #waiting: { readonly bytes: Buffer; readonly done: () => void }[] = [];

  override _read(): void {
    // What came is pushed by the test.
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#waiting.push({ bytes, done });
  }

  /** What the relay holds for this end, bytes. */
  get heldBytes(): number {
    return this.writableLength;
  }

  accept(): void {
    for (const { bytes, done } of this.#waiting.splice(0)) {
      this.taken.push(bytes);
      done();
    }
  }
}

describe('a relayed pair', () => {
  const splice = (ends: readonly [End, End]): RelayPair =>
    new RelayPair({
      ends: ends as unknown as [TLSSocket, TLSSocket],
      clock: new VirtualClock(),
      mayPass: () => true,
      onClose: () => undefined,
    });

  it('takes no more from one end than the other takes, and goes on when it does', async () => {
    const [from, to] = [new End(), new End()];
    const pair = splice([from, to]);
    for (let index = 0; index < CHUNKS; index += 1) from.push(Buffer.alloc(CHUNK, index));

    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    const heldBytes = to.heldBytes;
    const isPaused = from.isPaused();
    for (let turn = 0; turn < 10 * CHUNKS && to.taken.length < CHUNKS; turn += 1) {
      to.accept();
      await nextTurn();
    }

    expect(heldBytes).to.be.within(1, to.writableHighWaterMark + CHUNK);
    expect(isPaused).to.equal(true);
    expect(Buffer.concat(to.taken)).to.deep.equal(
      Buffer.concat(Array.from({ length: CHUNKS }, (_, index) => Buffer.alloc(CHUNK, index))),
    );
    pair.close();
  });
});
