import { expect } from 'chai';
import { VirtualClock } from '../../../common/runtime/clock.js';
import { ROUND_MS, scrub } from '../../../peer/depot/scrub.js';
import { type TempDir, tempDir } from '../../support/temp.js';
import { waitFor } from '../../support/wait-for.js';

const DAY_MS = 86_400_000;
const COPIES = ['a', 'b', 'c'];

describe('scrub', () => {
  let dir: TempDir;
  let clock: VirtualClock;
  let read: string[];
  let running: { readonly end: AbortController; readonly over: Promise<void> } | undefined;
  beforeEach(async () => {
    dir = await tempDir();
    clock = new VirtualClock();
    read = [];
  });
  afterEach(async () => {
    await stop();
    await dir[Symbol.asyncDispose]();
  });

  /** With `readMs` a copy takes so long. */
  function start({ readMs = 0 } = {}): void {
    const end = new AbortController();
    const over = scrub(
      {
        file: dir.join('scrub.json'),
        next: (after) => COPIES.find((copy) => copy > after),
        check: async (copy) => {
          read.push(copy);
          clock.advance(readMs);
        },
        notice: (_level, text) => expect.fail(text),
        clock,
      },
      end,
    );
    running = { end, over };
  }

  async function stop(): Promise<void> {
    running?.end.abort();
    await running?.over;
    running = undefined;
  }

  const untilRead = (count: number): Promise<unknown> =>
    waitFor(() => {
      if (clock.pendingTimers > 0 && read.length < count) clock.advance(DAY_MS);
      return read.length >= count && clock.pendingTimers > 0;
    });

  it('reads every copy once, and all of them again only after a month', async () => {
    const began = clock.now();
    start();
    await untilRead(3);
    const roundEnded = clock.now();
    await untilRead(6);

    expect(read).to.deep.equal([...COPIES, ...COPIES]);
    expect(roundEnded - began).to.be.below(ROUND_MS);
    expect(clock.now() - began).to.be.at.least(ROUND_MS);
  });

  it('goes on after a restart with what it has not read yet', async () => {
    start();
    await untilRead(2);
    await stop();
    start();
    await untilRead(3);

    expect(read).to.deep.equal(COPIES);
  });

  it('leaves the disk to others nine times as long as it reads', async () => {
    start({ readMs: 60_000 });
    await untilRead(1);
    clock.advance(9 * 60_000 - 1);
    await new Promise(setImmediate);
    expect(read).to.deep.equal(['a']);

    await untilRead(2);
  });
});
