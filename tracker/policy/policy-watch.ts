/** Notices what administrators have decided, here or by a command of their own beside the tracker, and ends whom it concerns. */
import { ERROR_TEXTS } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Log } from '../../common/runtime/log.js';
import { RepeatingTask } from '../../common/runtime/repeating-task.js';
import type { Registry } from '../registry/registry.js';
import type { Store } from '../store/store.js';
import type { Policy } from './policy.js';

/** A ban must end sessions within a second; the commands run in processes of their own. */
const LOOK_INTERVAL_MS = 200;

export interface PolicyWatchOptions {
  readonly store: Store;
  readonly registry: Registry;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly log: Log;
  /** An administrator wants the settings read again. */
  readonly onReload: () => void;
}

export class PolicyWatch implements Part {
  readonly #task: RepeatingTask;

  constructor(private readonly options: PolicyWatchOptions) {
    this.#task = new RepeatingTask(() => this.look(), {
      intervalMs: LOOK_INTERVAL_MS,
      clock: options.clock,
      onError: (error) => options.log.write('warn', 'could not look at bans and limits', { error }),
    });
  }

  /** Resolves when the policy of the store is in force. */
  async start(): Promise<void> {
    const { store, policy } = this.options;
    const state = await store.policy(-1);
    if (state !== undefined) policy.take(state);
    this.#task.start();
  }

  /** Somebody has decided something, perhaps. */
  hurry(): void {
    this.#task.hurry();
  }

  stop(): Promise<void> {
    return this.#task.stop();
  }

  async look(): Promise<void> {
    const { store, policy, onReload } = this.options;
    const state = await store.policy(policy.revision);
    if (state === undefined) return;
    const isReload = state.reloads !== policy.reloads;
    policy.take(state);
    this.#endBanned();
    if (isReload) onReload();
  }

  #endBanned(): void {
    const { policy, registry } = this.options;
    for (const session of registry.sessions()) {
      const text = policy.banTextOf(session.user);
      if (text === undefined && !policy.isBannedHost(session.observed.host)) continue;
      registry.end(session, { event: 'ended', error: { code: 'banned', message: text ?? ERROR_TEXTS.banned } });
    }
  }
}
