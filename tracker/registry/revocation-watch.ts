/** Notices what `shoal user …` has changed in the store, and tells the sessions it concerns. */
import { ERROR_TEXTS } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Log } from '../../common/runtime/log.js';
import { RepeatingTask } from '../../common/runtime/repeating-task.js';
import type { Store } from '../store/store.js';
import type { Registry } from './registry.js';

/** A changed password must end sessions within a second; the commands run in processes of their own. */
const LOOK_INTERVAL_MS = 200;
const PAGE = 1_000;

export class RevocationWatch implements Part {
  readonly #task: RepeatingTask;

  constructor(
    private readonly store: Store,
    private readonly registry: Registry,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#task = new RepeatingTask((options) => this.look(options), {
      intervalMs: LOOK_INTERVAL_MS,
      clock,
      onError: (error) => log.write('warn', 'could not look for revocations', { error }),
    });
  }

  /** Begins behind the revocations there are: no session is older than this tracker's start. */
  async start(): Promise<void> {
    this.registry.epoch = (await this.store.revocations(Number.MAX_SAFE_INTEGER, 1)).epoch;
    this.#task.start();
  }

  /** Somebody has decided something, perhaps. */
  hurry(): void {
    this.#task.hurry();
  }

  stop(): Promise<void> {
    return this.#task.stop();
  }

  async look({ signal }: AbortOptions): Promise<void> {
    const { revocations, epoch } = await this.store.revocations(this.registry.epoch, PAGE);
    if (epoch === this.registry.epoch || signal.aborted) return;
    const users = new Set(revocations.filter(({ kind }) => kind === 'user').map(({ subject }) => subject));
    for (const user of users) await this.#endOutdated(user);
    for (const { kind, subject, user } of revocations)
      if (kind === 'publication' && user !== undefined) this.registry.dropHolds(user, subject);
    this.registry.epoch = revocations.at(-1)?.epoch ?? epoch;
    this.registry.broadcast({ event: 'revoked', epoch: this.registry.epoch });
  }

  async #endOutdated(user: string): Promise<void> {
    const account = await this.store.findAccount(user);
    this.registry.revokedCount += 1;
    for (const session of this.registry.sessionsOf(user)) {
      // One that runs a depot and says nothing would go on as a source of what it has.
      const isDismissed =
        session.depotCapacity !== undefined && session.node === undefined && account?.isDepot !== true;
      if (isDismissed) this.registry.setDepot(session, undefined);
      if (account?.state === 'active' && session.generation >= account.generation) continue;
      this.registry.end(session, {
        event: 'ended',
        error: { code: 'session-ended', message: ERROR_TEXTS['session-ended'] },
      });
    }
  }
}
