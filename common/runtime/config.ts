import { accessSync, constants, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { readDotEnvPort } from './dot-env.js';
import { currentHost, type Host } from './host.js';
import { nearestWord } from './nearest-word.js';
import { packageFolder } from './own-program.js';
import { ConfigError, parseSetting } from './setting-value.js';
import {
  type ConfigOf,
  environmentName,
  flagName,
  PEER_SETTINGS,
  type Setting,
  type SettingTable,
  TRACKER_SETTINGS,
} from './settings.js';
import { stateFolder } from './state-folder.js';

export type TrackerConfig = ConfigOf<typeof TRACKER_SETTINGS> & { readonly data: string };
export type PeerConfig = ConfigOf<typeof PEER_SETTINGS> & { readonly data: string };

/** Flags as the argument parser gives them, keys in camelCase; what is no setting is left to the command. */
export type Flags = Readonly<Record<string, unknown>>;

/**
 * The tracker's settings: defaults < `PORT` of `.env` < config file < environment `SHOAL_*` < flags.
 * `projectRoot` is the other place besides `--data` where a `.env` counts.
 * @throws {ConfigError} for unknown keys (naming the nearest known one) and for values of the wrong kind.
 */
export function loadTrackerConfig(flags: Flags, host: Host, projectRoot = packageFolder): TrackerConfig {
  const data = dataFolder(flags, host) ?? join(stateFolder(host), 'tracker');
  refuseClosedFolder(data);
  const port = readDotEnvPort(projectRoot === undefined ? [data] : [data, projectRoot], host);
  const below = port === undefined ? { data } : { data, port };
  return { ...resolveConfig(TRACKER_SETTINGS, { flags, host, data, below }), data };
}

/**
 * The peer's settings: defaults < config file < environment `SHOAL_*` < flags. No `.env` is ever read.
 * @throws {ConfigError} for unknown keys (naming the nearest known one) and for values of the wrong kind.
 */
export function loadPeerConfig(flags: Flags, host: Host = currentHost()): PeerConfig {
  const data = dataFolder(flags, host) ?? stateFolder(host);
  refuseClosedFolder(data);
  return { ...resolveConfig(PEER_SETTINGS, { flags, host, data, below: { data } }), data };
}

interface Sources {
  readonly flags: Flags;
  readonly host: Host;
  readonly data: string;
  /** Values that every other source overrides. */
  readonly below: Readonly<Record<string, string | number>>;
}

function resolveConfig<T extends SettingTable>(table: T, { flags, host, data, below }: Sources): ConfigOf<T> {
  refuseUnknownEnvironment(host);
  const outside = { ...fromEnvironment(table, host), ...fromFlags(table, flags, host) };
  const file = fromFile(table, outside['config'] as string | undefined, { data, host });
  const values: Record<string, unknown> = { ...defaultsOf(table), ...below, ...file, ...outside };
  return values as ConfigOf<T>;
}

function defaultsOf(table: SettingTable): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).map(([key, setting]) => [key, setting.default]));
}

function dataFolder(flags: Flags, host: Host): string | undefined {
  const table = { data: TRACKER_SETTINGS.data };
  const values = { ...fromEnvironment(table, host), ...fromFlags(table, flags, host) };
  return values['data'] as string | undefined;
}

/** Said of the folder, not of the first file that is looked for in it. One that is not there is made later. */
function refuseClosedFolder(data: string): void {
  try {
    accessSync(`${data}/.`, constants.R_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    const owner = code === 'EACCES' ? 'Run this as the user to whom it belongs, or choose' : 'Choose';
    throw new ConfigError(`the data folder ${data} cannot be read (${code}). ${owner} another with --data.`, {
      cause: error,
    });
  }
}

function fromFlags(table: SettingTable, flags: Flags, host: Host): Record<string, unknown> {
  const base = { folder: host.cwd, home: host.home };
  const given = Object.entries(table).filter(([key, { from }]) => flags[key] !== undefined && from !== 'environment');
  return Object.fromEntries(
    given.map(([key, { kind }]) => [key, parseSetting(kind, flags[key], { origin: flagName(key), base })]),
  );
}

function fromEnvironment(table: SettingTable, host: Host): Record<string, unknown> {
  const base = { folder: host.cwd, home: host.home };
  const given = Object.entries(table).flatMap(([key, { kind, from }]) => {
    const origin = environmentName(key);
    const raw = host.env[origin];
    return raw === undefined || raw === '' || from === 'no-environment'
      ? []
      : [[key, parseSetting(kind, raw, { origin, base })]];
  });
  return Object.fromEntries(given);
}

/** Tracker and peer may be started from one environment, so each knows the other's names as well. */
const KNOWN_VARIABLES = new Set(Object.keys({ ...TRACKER_SETTINGS, ...PEER_SETTINGS }).map(environmentName));
/** No setting: it lets tests end a process at a chosen point, see peer/download/fault-point.ts. */
const TEST_SWITCH = 'SHOAL_TEST_FAULTS';

function refuseUnknownEnvironment({ env }: Host): void {
  for (const name of Object.keys(env)) {
    if (name.startsWith('SHOAL_') && name !== TEST_SWITCH && !KNOWN_VARIABLES.has(name)) {
      throw unknownKey(name, 'in the environment', KNOWN_VARIABLES);
    }
  }
}

interface FilePlace {
  readonly data: string;
  readonly host: Host;
}

function fromFile(table: SettingTable, named: string | undefined, place: FilePlace): Record<string, unknown> {
  const path = named ?? join(place.data, 'config.json');
  const content = readJsonObject(path, { isOptional: named === undefined });
  const known = new Map(
    Object.entries(table).filter(([, { from }]) => from === undefined || from === 'no-environment'),
  );
  const base = { folder: dirname(path), home: place.host.home };
  const values = Object.entries(content).map(([key, raw]) => {
    const setting: Setting | undefined = known.get(key);
    if (setting === undefined) throw unknownKey(key, `in ${path}`, known.keys());
    return [key, parseSetting(setting.kind, raw, { origin: `"${key}" in ${path}`, base })];
  });
  return Object.fromEntries(values);
}

function readJsonObject(path: string, { isOptional }: { readonly isOptional: boolean }): object {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isOptional && error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot read the config file ${path}: ${reason}.`, { cause: error });
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content;
  throw new ConfigError(`the config file ${path} must hold one JSON object, such as {"port": 7465}.`);
}

function unknownKey(key: string, place: string, known: Iterable<string>): ConfigError {
  const nearest = nearestWord(key, known);
  const hint = nearest === undefined ? 'See the README for those that exist.' : `Did you mean ${nearest}?`;
  return new ConfigError(`unknown setting ${JSON.stringify(key)} ${place}. ${hint}`);
}
