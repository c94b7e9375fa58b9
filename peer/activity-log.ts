/** The transcript of this end: who did what with which outcome. Names and sizes, never content, passwords or tokens. */
import type { Clock } from '../common/runtime/clock.js';
import { type Log, openLog } from '../common/runtime/log.js';
import type { LogFields } from '../common/runtime/log-fields.js';
import { type CommandInput, type CommandName, type CommandResult, PeerError, type UploadRow } from './api.js';
import type { LinkUse } from './links/link-server.js';

/** Words that change something or move bytes; the others would only fill the file. */
const LOGGED: ReadonlySet<CommandName> = new Set([
  'pub',
  'unp',
  'rights',
  'rename',
  'save',
  'unsave',
  'dir',
  'put',
  'del',
  'get',
  'link',
  'unlink',
  'cancel',
  'pause',
  'resume',
  'retry',
  'priority',
  'limit',
  'logout',
  'xit',
]);

export class ActivityLog {
  readonly #log: Log & Partial<Disposable>;
  readonly #clock: Clock;

  constructor(log: Log & Partial<Disposable>, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  close(): void {
    this.#log[Symbol.dispose]?.();
  }

  /** Runs one command and writes its outcome. */
  async command<K extends CommandName>(
    name: K,
    input: CommandInput<K>,
    run: () => Promise<CommandResult<K>>,
  ): Promise<CommandResult<K>> {
    if (!LOGGED.has(name) || !this.#log.isEnabled('info')) return run();
    const startedAt = this.#clock.monotonic();
    const took = (): LogFields => ({ command: name, input, ms: Math.round(this.#clock.monotonic() - startedAt) });
    try {
      const result = await run();
      this.#log.write('info', `${name} done`, { ...took(), ...outcomeOf(result) });
      return result;
    } catch (error) {
      const code = error instanceof PeerError ? error.code : 'internal';
      this.#log.write('warn', `${name} failed`, { ...took(), code, error });
      throw error;
    }
  }

  event(level: 'info' | 'warning' | 'error', text: string): void {
    this.#log.write(level === 'warning' ? 'warn' : level, text);
  }

  served({ name, user, sentBytes }: UploadRow): void {
    this.#log.write('info', 'served', { name, user, sentBytes });
  }

  linkUsed(use: LinkUse): void {
    this.#log.write('info', 'link used', { ...use });
  }
}

export interface ActivityLogOptions {
  readonly clock: Clock;
  readonly onProblem: (error: Error) => void;
}

/** With a file and no level, everything that is meant to be read later is written. */
export async function openActivityLog(
  { logFile, logLevel = 'silent' }: { readonly logFile?: string | undefined; readonly logLevel?: string | undefined },
  { clock, onProblem }: ActivityLogOptions,
): Promise<ActivityLog> {
  const level = logFile !== undefined && logLevel === 'silent' ? 'info' : logLevel;
  return new ActivityLog(await openLog({ level, file: logFile, onProblem, clock }), clock);
}

function outcomeOf(result: object): LogFields {
  if ('outcomes' in result) return { outcomes: result.outcomes };
  if ('transfer' in result) return { transfer: result.transfer };
  return {};
}
