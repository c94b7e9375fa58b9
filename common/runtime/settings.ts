import type { SettingKind, SettingValue } from './setting-value.js';

/** One thing that can be configured. Its key is camelCase; the flag is `--kebab-case`, the variable `SHOAL_SNAKE_CASE`. */
export interface Setting {
  readonly kind: SettingKind;
  readonly default?: string | number | boolean;
  /** `no-environment`: the peer has another setting of this name. `environment`: never a flag (others see arguments) nor in a file. `outside`: not in the config file, which it leads to. */
  readonly from?: 'environment' | 'outside' | 'no-environment';
}

export type SettingTable = Readonly<Record<string, Setting>>;

/** What a table of settings becomes: values with a default are always there. */
export type ConfigOf<T extends SettingTable> = {
  readonly [K in keyof T]: T[K] extends { default: unknown }
    ? SettingValue<T[K]['kind']>
    : SettingValue<T[K]['kind']> | undefined;
};

export const DEFAULT_TRACKER_PORT = 7465;

const COMMON_SETTINGS = {
  data: { kind: 'path', from: 'outside' },
  config: { kind: 'path', from: 'outside' },
  logLevel: { kind: 'text', default: 'silent' },
  logFile: { kind: 'path' },
} as const satisfies SettingTable;

export const TRACKER_SETTINGS = {
  ...COMMON_SETTINGS,
  host: { kind: 'text', default: '127.0.0.1' },
  port: { kind: 'port', default: DEFAULT_TRACKER_PORT },
  credentials: { kind: 'path' },
  store: { kind: 'text' },
  identity: { kind: 'path' },
  sealKey: { kind: 'path' },
  advertise: { kind: 'text' },
  tlsCert: { kind: 'path' },
  tlsKey: { kind: 'path' },
  exitWhenIdle: { kind: 'duration' },
  quota: { kind: 'integer', default: 1_000_000 },
  publishRate: { kind: 'integer', default: 10_000 },
  requestRate: { kind: 'integer', default: 10_000 },
  relayBytes: { kind: 'bytes', default: 10 * 2 ** 30 },
  auditDays: { kind: 'count', default: 90 },
  statusPort: { kind: 'port' },
  statusHost: { kind: 'text', default: '127.0.0.1' },
  depot: { kind: 'path', from: 'no-environment' },
  depotSize: { kind: 'bytes' },
  putQuota: { kind: 'bytes' },
} as const satisfies SettingTable;

export const PEER_SETTINGS = {
  ...COMMON_SETTINGS,
  tracker: { kind: 'text' },
  user: { kind: 'text' },
  password: { kind: 'text', from: 'environment' },
  passwordFile: { kind: 'path' },
  passcode: { kind: 'text', from: 'environment' },
  passcodeFile: { kind: 'path', from: 'outside' },
  downloads: { kind: 'path' },
  host: { kind: 'text' },
  port: { kind: 'port', default: 0 },
  advertise: { kind: 'text' },
  uploadLimit: { kind: 'bytes' },
  downloadLimit: { kind: 'bytes' },
  maxDownloads: { kind: 'count', default: 4 },
  depot: { kind: 'bytes' },
  trustOnFirstUse: { kind: 'flag', default: false },
  pqOnly: { kind: 'flag', default: false },
} as const satisfies SettingTable;

/** The environment's name of a setting: `exitWhenIdle` is `SHOAL_EXIT_WHEN_IDLE`. */
export function environmentName(key: string): string {
  return `SHOAL_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** The flag of a setting: `exitWhenIdle` is `--exit-when-idle`. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
