import type { Clock } from '../common/runtime/clock.js';
import type { Log } from '../common/runtime/log.js';
import type { Identity } from '../common/wire/identity.js';
import type { LiveDesk } from './admin/perform-admin.js';
import type { Attempts } from './auth/attempts.js';
import type { OpenLogin, PasswordHasher } from './auth/crypto-process.js';
import type { GuessLimits } from './auth/guess-limits.js';
import type { PasscodeChecks } from './auth/passcode-checks.js';
import type { ResumeTokens } from './auth/resume-tokens.js';
import type { SealedCursors } from './auth/sealed-cursors.js';
import type { Address } from './carrier.js';

import type { OtherNodes } from './nodes/other-nodes.js';
import type { AuditTrail } from './operate/audit-trail.js';
import type { Health } from './operate/health.js';
import type { ReceiptLog } from './operate/receipt-log.js';
import type { TrackerMetrics } from './operate/tracker-metrics.js';
import type { Policy } from './policy/policy.js';
import type { Rates } from './policy/rates.js';
import type { DialBack } from './registry/dial-back.js';
import type { Matches } from './registry/matches.js';
import type { Meetings } from './registry/meetings.js';
import type { PathChallenges } from './registry/path-challenges.js';
import type { Registry } from './registry/registry.js';
import type { RelayAccounts } from './relay/relay-accounts.js';
import type { Store } from './store/store.js';

/** What handlers work with; made once, in `tracker.ts`. */
export interface Services {
  readonly store: Store;
  readonly registry: Registry;
  readonly matches: Matches;
  readonly hasher: PasswordHasher;
  readonly openLogin: OpenLogin;
  readonly guesses: GuessLimits;
  readonly passcodes: PasscodeChecks;
  readonly attempts: Attempts;
  readonly tokens: ResumeTokens;
  readonly cursors: SealedCursors;
  readonly challenges: PathChallenges;
  readonly dialBack: DialBack;
  readonly meetings: Meetings;
  readonly relayAccounts: RelayAccounts;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly log: Log;
  /** Bans and limits, those of the whole tracker included. */
  readonly policy: Policy;
  readonly rates: Rates;
  readonly audit: AuditTrail;
  readonly receipts: ReceiptLog;
  readonly metrics: TrackerMetrics;
  readonly health: Health;
  /** Bytes that the stored copies of one user may have together. */
  readonly putQuotaBytes: number;
  /** A hash that no password has, for users that do not exist. */
  readonly dummyHash: string;
  /** The tracker's own host as others reach it, when that is known. */
  readonly advertised: string | undefined;
  /** Where peers find this tracker's nodes, this one first; known once it listens. */
  nodes: readonly Address[];
  /** When `nodes` changed last, monotonic ms. */
  nodesChangedAt: number;
  otherNodes: OtherNodes;
  /** What administrators ask of a running tracker; there once it listens. */
  live?: LiveDesk;
}
