import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import type { SessionGrant } from '../../common/protocol/messages.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Identity } from '../../common/wire/identity.js';
import type { ConnectionState } from '../api.js';
import type { Presence } from './session-keys.js';

export interface TrackerClientOptions {
  readonly host: string;
  readonly port: number;
  /** 64 hex digits. */
  readonly pin: string;
  readonly device: Identity;
  readonly clock: Clock;
  /** Never log in over UDP, whose key exchange is not post-quantum. */
  readonly pqOnly: boolean;
  presence(): Presence;
  /** Logged in or resumed; `grant.live` false asks for the library's deltas. */
  onGrant(grant: SessionGrant): void;
  onState(state: ConnectionState): void;
  onEvent(event: TrackerEvent): void;
  /** The tracker's newest revocation, told by every heartbeat. */
  onEpoch(epoch: number): void;
}
