import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { DiskReserve } from '../../tracker/store/disk-reserve.js';
import { GroupCommit, type StoreCall } from '../../tracker/store/group-commit.js';
import { type TempDir, tempDir } from '../support/temp.js';

const KIB = 1_024;

describe('the room that a store keeps for removals', () => {
  let dir: TempDir;
  let path: string;
  beforeEach(async () => {
    dir = await tempDir();
    path = dir.join('tracker.sqlite');
  });
  afterEach(() => dir[Symbol.asyncDispose]());
  const bytes = (): number | undefined => statSync(`${path}-reserve`, { throwIfNoEntry: false })?.size;

  it('is enough to move the log, and something more; it is given up once, and kept again, at most one try a second', () => {
    const clock = new VirtualClock();
    let growthBytes = 0;
    const reserve = new DiskReserve(path, { growthBytes: () => growthBytes, clock });
    reserve.keep();
    expect(bytes()).to.equal(KIB * 512);
    growthBytes = 10 * KIB * KIB;
    reserve.keep();
    expect(bytes()).to.be.above(growthBytes + 256 * KIB);

    expect([reserve.isShort, reserve.release(), reserve.release(), bytes(), reserve.isShort]).to.deep.equal([
      ...[false, true, false],
      ...[undefined, true],
    ]);
    reserve.keep();
    expect(bytes(), 'not by itself: what is left is for removals').to.equal(undefined);
    expect(reserve.restore(), 'it has just been full').to.equal(false);
    clock.advance(1_000);
    expect([reserve.restore(), reserve.isShort]).to.deep.equal([true, false]);
    expect(bytes()).to.be.above(growthBytes);
  });

  it('is short where the disk has less than it should be, and takes nothing of it', () => {
    const reserve = new DiskReserve(path, { growthBytes: () => Number.MAX_SAFE_INTEGER, clock: new VirtualClock() });

    reserve.keep();

    expect([reserve.isShort, bytes()]).to.deep.equal([true, undefined]);
  });

  it('is given up for a removal alone; then everything else is refused until there is room, and removals go on', async () => {
    const disk = { isFull: true, isReserveThere: true };
    const queue = new GroupCommit(new DatabaseSync(':memory:'), {
      reserve: {
        get isShort() {
          return !disk.isReserveThere;
        },
        release: () => {
          const wasThere = disk.isReserveThere;
          disk.isReserveThere = false;
          return wasThere;
        },
        restore: () => {
          disk.isReserveThere ||= !disk.isFull;
          return disk.isReserveThere;
        },
      },
    });
    const write = (isRemoval: boolean): Promise<unknown> => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const run = async (): Promise<string> => {
        if (disk.isFull && disk.isReserveThere)
          throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
        return 'done';
      };
      queue.push({ isWrite: true, isRemoval, run, resolve, reject } satisfies StoreCall);
      return promise.catch((error: { code: string }) => error.code);
    };

    expect(await write(false)).to.equal('storage');
    expect(disk.isReserveThere, 'a publication does not touch it').to.equal(true);
    expect(await Promise.all([write(true), write(false), write(true)])).to.deep.equal(['done', 'storage', 'done']);
    expect(await Promise.all([write(false), write(true)])).to.deep.equal(['storage', 'done']);
    disk.isFull = false;
    expect(await Promise.all([write(false), write(true)])).to.deep.equal(['done', 'done']);
    expect(disk.isReserveThere).to.equal(true);
  });
});
