/** Settings that a running tracker takes up when they are read again, and which of the others would need a new start. */
import { loadTrackerConfig, type TrackerConfig } from '../../common/runtime/config.js';
import type { LogLevel, OpenLog } from '../../common/runtime/log.js';
import { flagName } from '../../common/runtime/settings.js';
import type { LiveSettings, Tracker } from '../tracker.js';
import type { CliProcess } from './process.js';

const LIVE: ReadonlySet<string> = new Set([
  'quota',
  'publishRate',
  'requestRate',
  'relayBytes',
  'auditDays',
  'logLevel',
]);

export function liveSettings({ quota, publishRate, requestRate, relayBytes, auditDays }: TrackerConfig): LiveSettings {
  return { limits: { publications: quota, publishRate, requestRate, relayBytes }, auditDays };
}

/** A file for the log is there to be written. */
export function logLevelOf({ logFile, logLevel }: TrackerConfig): string {
  return logFile !== undefined && logLevel === 'silent' ? 'info' : logLevel;
}

interface Reloading {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly process: CliProcess;
  readonly log: OpenLog;
  /** Of the start. */
  readonly config: TrackerConfig;
}

/** Reads the settings again, with the same flags and variables as at the start. What is wrong with them is told, and nothing changes. */
export class SettingsReload {
  #tracker: Tracker | undefined;

  constructor(private readonly parts: Reloading) {}

  /** From now on there is something to apply them to. */
  attach(tracker: Tracker): void {
    this.#tracker = tracker;
  }

  run(): void {
    this.#reload().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#say('warn', `the settings could not be read again, the old ones stay: ${reason}`);
    });
  }

  async #reload(): Promise<void> {
    const { flags, process, log, config: before } = this.parts;
    const config = loadTrackerConfig(flags, process.host);
    await log.setLevel(logLevelOf(config));
    this.#tracker?.apply(liveSettings(config));
    this.#say('info', 'the settings were read again');
    const others = (Object.keys(config) as (keyof TrackerConfig)[]).filter(
      (key) => !LIVE.has(key) && config[key] !== before[key],
    );
    if (others.length > 0) this.#say('warn', `a new start is needed for ${others.map(flagName).join(', ')}`);
  }

  #say(level: LogLevel, text: string): void {
    this.parts.process.stderr.write(`shoal tracker: ${text}\n`);
    this.parts.log.write(level, text);
  }
}
