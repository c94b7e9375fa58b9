import type { Clock } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { Limits } from './limits.js';
import type { RateLimits } from './rate-limits.js';
import { type DirectionLimits, RateShares } from './rate-shares.js';

export interface PeerRatesOptions {
  /** What the settings say, bytes a second. */
  readonly uploadLimit: number | undefined;
  readonly downloadLimit: number | undefined;
  readonly stateDir: string;
  /** What may be sent has changed. */
  readonly onSent: (limits: DirectionLimits) => void;
  readonly clock: Clock;
}

/** How fast one peer may send and receive: the limits that people set, and the shares of what it receives. */
export class PeerRates implements Part {
  private constructor(
    readonly limits: Limits,
    readonly received: RateShares,
  ) {}

  static async open({ uploadLimit, downloadLimit, stateDir, onSent, clock }: PeerRatesOptions): Promise<PeerRates> {
    const received = new RateShares({}, clock);
    const base = { up: uploadLimit ?? 0, down: downloadLimit ?? 0 };
    const onChange = (now: RateLimits): void => {
      received.set({ total: now.down, perPeer: now.peerDown, perTransfer: now.transferDown });
      onSent(sentLimits(now));
    };
    return new PeerRates(await Limits.open({ base, stateDir, onChange, clock }), received);
  }

  /** For what is sent, as they are now. */
  get sent(): DirectionLimits {
    return sentLimits(this.limits.view().now);
  }

  /** For screens: absent when there are none. */
  get shown(): { readonly limits?: RateLimits } {
    const { now } = this.limits.view();
    return Object.keys(now).length === 0 ? {} : { limits: now };
  }

  stop(): Promise<void> {
    return this.limits.stop();
  }
}

function sentLimits({ up, peerUp, transferUp }: RateLimits): DirectionLimits {
  return { total: up, perPeer: peerUp, perTransfer: transferUp };
}
