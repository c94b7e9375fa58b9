/** `shoal tracker`: from flags and files to a tracker that runs until it is told to stop. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadTrackerConfig, type TrackerConfig } from '../../common/runtime/config.js';
import { sleep } from '../../common/runtime/deadline.js';
import { ensurePrivateDir, writeFileDurably } from '../../common/runtime/files.js';
import { type OpenLog, openLog } from '../../common/runtime/log.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import { readPackageFile } from '../../common/runtime/own-program.js';
import { formatPin, type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { parseCredentials, readCredentials } from '../auth/credentials-file.js';
import { CryptoProcess, type PasswordHasher } from '../auth/crypto-process.js';
import { importAccounts } from '../auth/import-accounts.js';
import { refuseSampleAccounts } from '../auth/sample-accounts.js';
import { loadSealKey } from '../auth/seal-key.js';
import type { Store } from '../store/store.js';
import { startTracker, type Tracker } from '../tracker.js';
import { StatusPortError } from '../transport/status-pages.js';
import { liveSettings, logLevelOf, SettingsReload } from './live-settings.js';
import { defaultDepotSize, meetingHost, OWN_DEPOT_USER, prepareDepotAccount } from './own-depot.js';
import { CliError, type CliProcess, EXIT, outputTo } from './process.js';
import { openStore, storePlace } from './store-location.js';

/** All flags of `shoal tracker`; those that are settings go through the configuration. */
export interface TrackerFlags extends Readonly<Record<string, unknown>> {
  readonly json?: boolean;
  readonly printPin?: boolean;
}

const IDLE_LOOK_MS = 250;

/** Runs a tracker until `process.signal` aborts or it has been idle for long enough. */
export async function runTracker(flags: TrackerFlags, process: CliProcess): Promise<void> {
  const config = loadTrackerConfig(flags, process.host);
  refuseLaterSettings(config);
  await ensurePrivateDir(config.data);
  const identityPath = config.identity ?? join(config.data, 'identity.pem');
  if (config.identity !== undefined && !existsSync(identityPath)) throw noIdentity(identityPath);
  const identity = await loadOrCreateIdentity(identityPath, { commonName: 'shoal tracker' });
  await writeFileDurably(join(config.data, 'pin'), `${formatPin(identity.pin)}\n`);
  if (flags.printPin === true) {
    outputTo(process, flags).say({ event: 'pin', pin: formatPin(identity.pin) }, formatPin(identity.pin));
    return;
  }
  using log = await openLog({
    level: logLevelOf(config),
    file: config.logFile,
    onProblem: (error) => void process.stderr.write(`shoal tracker: the log: ${error.message}\n`),
  });
  await serve({ config, flags, process, identity, log });
}

/** One that was named is not made: a slip of the pen would be another tracker, which no peer trusts. */
function noIdentity(path: string): CliError {
  return new CliError(
    `the identity ${path} cannot be read (ENOENT). Check the path, or leave --identity out: then one is made in the data folder.`,
    { code: 'unreadable', exitCode: EXIT.failed },
  );
}

interface Start {
  readonly config: TrackerConfig;
  readonly flags: TrackerFlags;
  readonly process: CliProcess;
  readonly identity: Identity;
  readonly log: OpenLog;
}

async function serve({ config, flags, process, identity, log }: Start): Promise<void> {
  await using cleanUp = new AsyncDisposableStack();
  const sealKey = await loadSealKey(config.sealKey ?? join(config.data, 'seal.key'), {
    mayCreate: config.sealKey === undefined,
  });
  const death = new AbortController();
  const store = cleanUp.adopt(
    await openStore(storePlace(config, process.host.cwd), {
      isTracker: true,
      now: Math.floor(process.clock.now()),
      onNotice: (notice) => {
        process.stderr.write(`shoal tracker: ${notice}\n`);
        log.write('warn', notice);
      },
      onDeath: (failure) => {
        log.write('error', 'the tracker ends', { error: failure });
        death.abort(failure);
      },
    }),
    (opened) => opened.close(),
  );
  const hasher = cleanUp.adopt(new CryptoProcess(), (started) => started.stop());
  const { openLogin } = hasher;
  await prepareAccounts({ config, process, store, hasher });
  const { host, port, advertise, statusHost, statusPort } = config;
  const reload = new SettingsReload({ flags, process, log, config });
  const tracker = cleanUp.adopt(
    await listen(
      {
        ...{ host, port, advertise, store, hasher, openLogin, identity, sealKey, clock: process.clock, log },
        ...liveSettings(config),
        putQuotaBytes: config.putQuota,
        status: statusPort === undefined ? undefined : { host: statusHost, port: statusPort },
        onReload: () => reload.run(),
        setLogLevel: (level) => log.setLevel(level),
      },
      process.signal,
    ),
    (started) => started.stop(),
  );
  reload.attach(tracker);
  cleanUp.defer(process.onReload?.(() => reload.run()) ?? (() => undefined));
  const pin = formatPin(identity.pin);
  if (config.depot !== undefined) {
    const meeting = { host: meetingHost(host, advertise), port: tracker.port, pin };
    cleanUp.adopt(await startOwnDepot({ config, process, store, hasher, meeting }), (started) => started.stop());
  }
  const place = `${host.includes(':') ? `[${host}]` : host}:${tracker.port}`;
  outputTo(process, flags).say(
    {
      ...{ event: 'listening', host, port: tracker.port, pin },
      ...(tracker.statusPort === undefined ? {} : { statusPort: tracker.statusPort }),
    },
    `tracker listening on ${place} pin ${pin}`,
  );
  const signal = AbortSignal.any([process.signal, death.signal]);
  await untilStopped(tracker, config.exitWhenIdle, { signal, clock: process.clock });
  death.signal.throwIfAborted(); // by whatever started it, a tracker whose store has died is started anew
}

interface OwnDepot {
  readonly config: TrackerConfig;
  readonly process: CliProcess;
  readonly store: Store;
  readonly hasher: PasswordHasher;
  /** Where it meets this tracker. */
  readonly meeting: { readonly host: string; readonly port: number; readonly pin: string };
}

async function startOwnDepot({
  config,
  process,
  store,
  hasher,
  meeting,
}: OwnDepot): Promise<{ stop(): Promise<void> }> {
  const { depot: dir = '', depotSize } = config;
  if (process.startDepot === undefined)
    throw new CliError('--depot works with the shoal command alone.', { code: 'usage', exitCode: EXIT.usage });
  const now = Math.floor(process.clock.now());
  const password = await prepareDepotAccount(dir, { store, hasher, now });
  return process.startDepot({
    dir,
    capacity: depotSize ?? (await defaultDepotSize(dir)),
    tracker: meeting,
    user: OWN_DEPOT_USER,
    password,
    listenHost: config.host,
    signal: process.signal,
    onNotice: (text) => void process.stderr.write(`shoal tracker: the depot: ${text}\n`),
  });
}

async function prepareAccounts({
  config,
  process,
  store,
  hasher,
}: {
  config: TrackerConfig;
  process: CliProcess;
  store: Store;
  hasher: PasswordHasher;
}): Promise<void> {
  const { host, clock } = { host: config.host, clock: process.clock };
  if (config.credentials !== undefined)
    await importAccounts(await readCredentials(config.credentials), { store, hasher, clock });
  const samples = parseCredentials(readPackageFile('credentials.txt'), 'credentials.txt');
  await refuseSampleAccounts(samples, { host, store, hasher });
  if ((await store.listAccounts()).length === 0) {
    process.stderr.write(`shoal tracker: there are no users yet. Add one with: ${ownCommand('user add NAME')}\n`);
  }
}

async function listen(options: Parameters<typeof startTracker>[0], signal: AbortSignal): Promise<Tracker> {
  try {
    return await startTracker(options, { signal });
  } catch (error) {
    const isStatus = error instanceof StatusPortError;
    const { code } = (isStatus ? error.cause : error) as NodeJS.ErrnoException;
    const { host, port } = isStatus && options.status !== undefined ? options.status : options;
    const flag = isStatus ? '--status-' : '--';
    const place = `${host}:${port}`;
    if (code === 'EADDRINUSE') {
      throw new CliError(
        `port ${port} on ${host} is in use by another program. Stop it, or choose another with ${flag}port.`,
        { code: 'port-busy', exitCode: EXIT.failed, cause: error },
      );
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      throw new CliError(
        `cannot listen on ${place} (${code}). Choose an address of this machine with ${flag}host, and a port above 1023.`,
        { code: 'cannot-listen', exitCode: EXIT.failed, cause: error },
      );
    }
    throw error;
  }
}

/** Ends when the process is told to, or nobody has been there for `exitWhenIdle` ms. */
async function untilStopped(
  tracker: Tracker,
  exitWhenIdle: number | undefined,
  { signal, clock }: Pick<CliProcess, 'signal' | 'clock'>,
): Promise<void> {
  let idleSince = clock.monotonic();
  while (!signal.aborted) {
    await sleep(IDLE_LOOK_MS, { signal, clock }).catch(() => undefined); // woken by the signal: the loop looks at it
    if (tracker.activeCount > 0) idleSince = clock.monotonic();
    if (exitWhenIdle !== undefined && clock.monotonic() - idleSince >= exitWhenIdle) return;
  }
}

function refuseLaterSettings({ tlsCert, tlsKey }: TrackerConfig): void {
  if (tlsCert !== undefined || tlsKey !== undefined) {
    throw new CliError(
      '--tls-cert and --tls-key are not in this version yet. Peers trust the pin that this tracker prints.',
      { code: 'not-yet', exitCode: EXIT.usage },
    );
  }
}
