import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { FairRate, type TakeOptions } from './fair-rate.js';

/** Limits of one direction, bytes a second; what is absent is not limited. */
export interface DirectionLimits {
  /** Of everything together. */
  readonly total?: number | undefined;
  /** Of each other peer, with all its connections. */
  readonly perPeer?: number | undefined;
  readonly perTransfer?: number | undefined;
}

export interface ShareOptions {
  /** Shares of one owner take turns with those of others. */
  readonly owner: string;
  /** The other device. */
  readonly peer: string;
  readonly transfer: string;
}

/** What one connection of one transfer may move. Dispose it when the connection ends. */
export interface RateShare extends Disposable {
  /** Nothing limits it now. */
  readonly isFree: boolean;
  /** Larger pieces would make the flow jump. */
  readonly pieceBytes: number;
  /** Undefined when `bytes` may move now; else resolves when they may. Rejects with `signal.reason` when aborted before. */
  take(bytes: number, options: Pick<TakeOptions, 'signal'>): Promise<void> | undefined;
}

/** A share that nothing ever limits. */
export const FREE_SHARE: RateShare = {
  isFree: true,
  pieceBytes: Infinity,
  take: () => undefined,
  [Symbol.dispose]: () => undefined,
};

/** Below this a connection is not worth having, bytes a second: the other end takes it for a stall at 4 KiB/s. */
export const LEAST_SHARE_BYTES_PER_SECOND = 16 * 1024;

interface Keyed {
  readonly rate: FairRate;
  users: number;
}

/** All limits of one direction, changeable while bytes move: each piece passes that of its transfer, of its peer and of everything. */
export class RateShares {
  readonly #clock: Clock;
  readonly #total: FairRate;
  readonly #byPeer = new Map<string, Keyed>();
  readonly #byTransfer = new Map<string, Keyed>();
  /** Limits of single transfers, which come before the one for all of them. */
  readonly #ownLimits = new Map<string, number>();
  #limits: DirectionLimits = {};

  constructor(limits: DirectionLimits = {}, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#total = new FairRate(clock);
    this.set(limits);
  }

  get limits(): DirectionLimits {
    return this.#limits;
  }

  /** Takes the place of all limits set before, but for those of single transfers; counts at once. */
  set(limits: DirectionLimits): void {
    this.#limits = limits;
    this.#total.bytesPerSecond = limits.total;
    for (const { rate } of this.#byPeer.values()) rate.bytesPerSecond = limits.perPeer;
    for (const [key, { rate }] of this.#byTransfer) rate.bytesPerSecond = this.#limitOf(key);
  }

  /** A limit of one transfer alone; undefined: that of all. Whoever sets one takes it away when the transfer is over. */
  setTransfer(transfer: string, bytesPerSecond: number | undefined): void {
    if (bytesPerSecond === undefined) this.#ownLimits.delete(transfer);
    else this.#ownLimits.set(transfer, bytesPerSecond);
    const known = this.#byTransfer.get(transfer);
    if (known !== undefined) known.rate.bytesPerSecond = this.#limitOf(transfer);
  }

  open({ owner, peer, transfer }: ShareOptions): RateShare {
    const rates = [
      this.#use(this.#byTransfer, transfer, this.#limitOf(transfer)),
      this.#use(this.#byPeer, peer, this.#limits.perPeer),
      this.#total,
    ];
    let isOpen = true;
    return {
      get isFree() {
        return rates.every(({ bytesPerSecond }) => bytesPerSecond === undefined);
      },
      get pieceBytes() {
        return Math.min(...rates.map(({ pieceBytes }) => pieceBytes));
      },
      take: (bytes, { signal }) => takeAll(rates, bytes, { owner, signal }),
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#leave(this.#byTransfer, transfer);
        this.#leave(this.#byPeer, peer);
      },
    };
  }

  /** How many connections at once a transfer is worth: with more each would look like a stall to the other end. At least 1. */
  connectionsWorth(transfer: string): number {
    const { total = Infinity } = this.#limits;
    const fair = total / Math.max(1, this.#byTransfer.size);
    const most = Math.min(fair, this.#limitOf(transfer) ?? Infinity);
    return Math.max(1, Math.floor(most / LEAST_SHARE_BYTES_PER_SECOND));
  }

  #limitOf(transfer: string): number | undefined {
    return this.#ownLimits.get(transfer) ?? this.#limits.perTransfer;
  }

  #use(keyed: Map<string, Keyed>, key: string, limit: number | undefined): FairRate {
    const known = keyed.get(key) ?? { rate: new FairRate(this.#clock, limit), users: 0 };
    keyed.set(key, known);
    known.users += 1;
    return known.rate;
  }

  #leave(keyed: Map<string, Keyed>, key: string): void {
    const known = keyed.get(key);
    if (known === undefined) return;
    known.users -= 1;
    if (known.users === 0) keyed.delete(key);
  }
}

/** Passes `bytes` through the rates, one after the other; without a promise while nothing has to wait. */
function takeAll(rates: readonly FairRate[], bytes: number, options: TakeOptions): Promise<void> | undefined {
  for (const [index, rate] of rates.entries()) {
    const waiting = rate.take(bytes, options);
    if (waiting !== undefined) return waiting.then(() => takeAll(rates.slice(index + 1), bytes, options));
  }
  return undefined;
}
