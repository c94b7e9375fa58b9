/**
 * Notes who did what. Rows gather and are written together a moment later, so that nobody waits for them: kill -9 may lose the last ones.
 * What an administrator does, and a change of rights, is on the disk before it is answered.
 */
import type { AuditKind } from '../../common/protocol/admin-messages.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Log } from '../../common/runtime/log.js';
import { RepeatingTask } from '../../common/runtime/repeating-task.js';
import { TokenBuckets } from '../policy/token-buckets.js';
import type { AuditRow, Store } from '../store/store.js';

const WRITE_INTERVAL_MS = 200;
/** While the store cannot write; more are lost, and counted. */
const MAX_WAITING = 10_000;
/** Attacker: who fails at logins, or asks for what is refused, without end would fill the disk with it. */
const FAILURES = { perSecond: 10, atOnce: 100 };
/** A ticket that is renewed, and content that is said to be there again, are noted once in this time. */
const SAME_MS = 3_600_000;
const MAX_KNOWN = 100_000;

type Note = Omit<AuditRow, 'at' | 'kind'>;

export class AuditTrail implements Part {
  /** Rows that were left out, because they were too many. */
  lost = 0;
  #waiting: AuditRow[] = [];
  readonly #failures: TokenBuckets;
  /** When each was noted, the longest ago first. */
  readonly #known = new Map<string, number>();
  readonly #task: RepeatingTask;

  constructor(
    private readonly store: Pick<Store, 'recordAudit'>,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#failures = new TokenBuckets(clock, 1);
    this.#task = new RepeatingTask(() => this.flush(), {
      intervalMs: WRITE_INTERVAL_MS,
      clock,
      onError: (error) => log.write('warn', 'the audit could not be written', { error }),
    });
    this.#task.start();
  }

  note(kind: AuditKind, row: Note): void {
    if (kind === 'login-failed') this.noteRefusal(kind, row);
    else this.#add(kind, row);
  }

  /** What was refused: whoever is refused without end gets few rows. */
  noteRefusal(kind: AuditKind, row: Note): void {
    if (this.#failures.take('all', FAILURES) === 0) this.#add(kind, row);
    else this.lost += 1;
  }

  #add(kind: AuditKind, row: Note): void {
    if (this.#waiting.length >= MAX_WAITING) this.lost += 1;
    else this.#waiting.push({ at: Math.floor(this.clock.now()), kind, ...row });
  }

  /** What peers say again and again: `of` is what makes it the same, with user, device and subject. */
  noteOnce(
    kind: 'ticket' | 'fetched',
    row: Note & { readonly device: string; readonly subject: string },
    of: string = '',
  ): void {
    const key = `${kind} ${row.subject} ${row.device} ${row.user} ${of}`;
    const now = this.clock.monotonic();
    const before = this.#known.get(key);
    if (before !== undefined && now - before < SAME_MS) return;
    this.#known.delete(key);
    this.#known.set(key, now);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    this.note(kind, row);
  }

  /** Resolves when everything noted so far is on the disk. @throws {StoreError}; the rows are tried again. */
  async flush(): Promise<void> {
    const rows = this.#waiting.splice(0);
    if (rows.length === 0) return;
    try {
      await this.store.recordAudit(rows);
    } catch (error) {
      this.#waiting = [...rows, ...this.#waiting].slice(0, MAX_WAITING);
      throw error;
    }
  }

  /** As `flush`, for whose work is done already: what cannot be written now is tried again. */
  async settle(): Promise<void> {
    await this.flush().catch((error: unknown) => this.log.write('warn', 'the audit is written later', { error }));
  }

  /** Writes what is left, where the store takes it. */
  async stop(): Promise<void> {
    await this.#task.stop();
    await this.flush().catch((error: unknown) => this.log.write('warn', 'the end of the audit was lost', { error }));
  }
}
