/**
 * One running tracker, made of its parts: store and hasher below, registry and handlers in the middle, TCP and UDP on top. Started
 * in that order, stopped in reverse. Reads no configuration and prints nothing; `main.ts` does.
 */

import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../common/runtime/clock.js';
import type { AbortOptions } from '../common/runtime/deadline.js';
import { Lifecycle, type Part } from '../common/runtime/lifecycle.js';
import type { Log } from '../common/runtime/log.js';
import { RepeatingTask } from '../common/runtime/repeating-task.js';
import { formatPin, type Identity } from '../common/wire/identity.js';
import { dummyHash } from '../common/wire/phc.js';
import { liveDesk } from './admin/live-desk.js';
import { Attempts } from './auth/attempts.js';
import type { OpenLogin, PasswordHasher } from './auth/crypto-process.js';
import { GuessLimits } from './auth/guess-limits.js';
import { PasscodeChecks } from './auth/passcode-checks.js';
import { ResumeTokens } from './auth/resume-tokens.js';
import { SealedCursors } from './auth/sealed-cursors.js';
import { ALONE, NodeGroup } from './nodes/other-nodes.js';
import { AuditTrail } from './operate/audit-trail.js';
import { Health } from './operate/health.js';
import { ReceiptLog } from './operate/receipt-log.js';
import { TrackerMetrics } from './operate/tracker-metrics.js';
import { type DefaultLimits, Policy } from './policy/policy.js';
import { PolicyWatch } from './policy/policy-watch.js';
import { Rates } from './policy/rates.js';
import { DialBack } from './registry/dial-back.js';
import { Matches } from './registry/matches.js';
import { Meetings } from './registry/meetings.js';
import { PathChallenges } from './registry/path-challenges.js';
import { Registry } from './registry/registry.js';
import { RevocationWatch } from './registry/revocation-watch.js';
import { Relay } from './relay/relay.js';
import { RelayAccounts } from './relay/relay-accounts.js';
import { Router } from './router.js';
import type { Services } from './services.js';
import type { NodeStore } from './store/node-store.js';
import type { Store } from './store/store.js';
import { StatusPages } from './transport/status-pages.js';
import { TcpTransport } from './transport/tcp.js';
import { UdpTransport } from './transport/udp.js';

/** What one user may have and ask for, where nobody has decided otherwise. A whole library may be published at once. */
export const DEFAULT_LIMITS: DefaultLimits = {
  publications: 1_000_000,
  publishRate: 10_000,
  requestRate: 10_000,
  relayBytes: 10 * 2 ** 30,
};
export const DEFAULT_AUDIT_DAYS = 90;
const DAY_MS = 86_400_000;
/** How often it is noted who is online, for "last seen". */
const SEEN_INTERVAL_MS = 60_000;
const SEEN_AT_ONCE = 500;
/** What gone folders held is looked for so often, ms. */
const PATHS_SWEEP_INTERVAL_MS = 1_000;
const PRUNE_INTERVAL_MS = 3_600_000;
/** Also when nobody asks: ended and long silent sessions must not fill the memory. */
const SWEEP_INTERVAL_MS = 1_000;
/** Lists show what has expired so long at most; tickets are judged to the millisecond. */
const EXPIRE_INTERVAL_MS = 1_000;
/** A free TCP port may be taken for UDP. */
const MAX_PORT_TRIES = 20;

export interface TrackerOptions {
  /** Stays the caller's to close, as the hasher and the log. */
  readonly store: Store & { readonly nodes?: NodeStore };
  readonly hasher: PasswordHasher;
  readonly openLogin: OpenLogin;
  readonly identity: Identity;
  /** 32 bytes. */
  readonly sealKey: Buffer;
  /** Address or name to listen on. */
  readonly host: string;
  /** 0: any that is free for both transports. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly advertise?: string | undefined;
  /** Those that are missing are as in `DEFAULT_LIMITS`. */
  readonly limits?: Partial<DefaultLimits> | undefined;
  /** How long the audit is kept. */
  readonly auditDays?: number;
  /** A plain HTTP port for health and metrics; absent: none. 0: any free one. */
  readonly status?: { readonly host: string; readonly port: number } | undefined;
  /** An administrator wants the settings read again. */
  readonly onReload?: () => void;
  readonly setLogLevel?: (level: string) => Promise<void>;
  /** Bytes that the stored copies of one user may have together; default: no limit but the depots'. */
  readonly putQuotaBytes?: number | undefined;
}

/** Settings that may change while the tracker runs. */
export interface LiveSettings {
  readonly limits: DefaultLimits;
  readonly auditDays: number;
}

export interface Tracker extends Part {
  readonly host: string;
  readonly port: number;
  /** Sessions of peers that are active now; depots, which are always there, not counted. */
  readonly activeCount: number;
  readonly udp: UdpTransport;
  readonly registry: Registry;
  /** Of the port for health and metrics. */
  readonly statusPort: number | undefined;
  apply(settings: LiveSettings): void;
}

/** Resolves when the tracker listens on both transports. @throws the system's error when it cannot. */
export async function startTracker(options: TrackerOptions, abort: AbortOptions): Promise<Tracker> {
  const lifecycle = new Lifecycle();
  try {
    return await start(options, lifecycle, abort);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function start(options: TrackerOptions, lifecycle: Lifecycle, abort: AbortOptions): Promise<Tracker> {
  const services = makeServices(options);
  const { registry, dialBack, clock, log } = services;
  const { store } = options;
  lifecycle.add(services.metrics);
  lifecycle.add(services.audit);
  await lifecycle.add(services.relayAccounts).start();
  lifecycle.add(registry);
  lifecycle.add(dialBack);
  await store.expire(Math.floor(clock.now())); // before anybody can ask for what ended while no tracker ran
  const policyWatch = new PolicyWatch({ ...services, onReload: options.onReload ?? (() => undefined) });
  await lifecycle.add(policyWatch).start();
  const watch = lifecycle.add(new RevocationWatch(store, registry, { clock, log }));
  await watch.start();
  const router = new Router(services);
  const address = isIP(options.host) === 0 ? (await lookup(options.host)).address : options.host;
  const pages = lifecycle.add(
    new StatusPages({ health: services.health, metrics: () => services.metrics.expose(), clock }),
  );
  const relay = new Relay(services);
  const { tcp, udp } = await listenOnBoth({ services, router, pages, relay, host: address, port: options.port }, abort);
  lifecycle.add(udp);
  lifecycle.add(tcp);
  lifecycle.add(relay);
  services.nodes = nodesOf(options, tcp.port);
  registry.onLive((session) => void services.matches.cameUp(session));
  registry.onDrop((session) => {
    tcp.closeSession(session);
    services.attempts.forget(session);
    services.matches.drop(session);
  });
  if (store.nodes !== undefined) {
    const onCutOff = (isCutOff: boolean): void => {
      router.isCutOff = isCutOff;
      registry.broadcast({ event: 'shutting-down' }, { isOver: !isCutOff });
      if (!isCutOff) services.health.noteWrite('ok'); // no peer may be left whose writes would show it
    };
    const group = lifecycle.add(nodeGroup(store.nodes, { services, options, onCutOff }));
    await group.start();
    lifecycle.add(store.nodes.listen(wakerOf(group, [policyWatch, watch])));
  }
  services.metrics.watch(services, { drops: () => ({ ...udp.drops }), connections: () => tcp.connectionCount });
  services.live = liveDesk(services, { setLogLevel: options.setLogLevel, refresh: () => policyWatch.look() });
  const { status, auditDays = DEFAULT_AUDIT_DAYS } = options;
  const statusPort = status === undefined ? undefined : await pages.listen(status.host, status.port, abort);
  const kept = { auditDays };
  for (const task of housekeeping(services, kept)) lifecycle.add(task).start();
  lifecycle.defer(async () => {
    router.close();
    registry.broadcast({ event: 'shutting-down' });
    await nextTurn(); // datagrams leave before their socket closes
  });
  return {
    host: options.host,
    port: tcp.port,
    udp,
    registry,
    statusPort,
    apply(settings) {
      services.policy.defaults = settings.limits;
      kept.auditDays = settings.auditDays;
    },
    get activeCount() {
      return registry.activeCount - registry.depots().length;
    },
    stop: () => lifecycle.stop(),
  };
}

function makeServices({
  store,
  hasher,
  openLogin,
  identity,
  sealKey,
  clock,
  log,
  advertise,
  limits,
  putQuotaBytes = Number.MAX_SAFE_INTEGER,
  host,
}: TrackerOptions): Services {
  const policy = new Policy(clock, { ...DEFAULT_LIMITS, ...limits });
  const registry = new Registry(store, clock);
  return {
    store,
    hasher,
    openLogin,
    identity,
    clock,
    log,
    policy,
    rates: new Rates(policy, clock),
    audit: new AuditTrail(store, clock, log),
    receipts: new ReceiptLog(clock),
    metrics: new TrackerMetrics(clock),
    health: new Health(store, clock, store.nodes !== undefined),
    putQuotaBytes,
    registry,
    matches: new Matches({ store, registry, clock, log }),
    guesses: new GuessLimits(clock),
    passcodes: new PasscodeChecks(hasher, clock),
    attempts: new Attempts(clock),
    tokens: new ResumeTokens(sealKey, clock),
    cursors: new SealedCursors(sealKey),
    challenges: new PathChallenges(clock),
    dialBack: new DialBack(clock, log),
    meetings: new Meetings(clock),
    relayAccounts: new RelayAccounts({ store, policy, clock, log }),
    dummyHash: dummyHash(),
    advertised: advertise ?? (isWildcard(host) ? undefined : host),
    nodes: [],
    nodesChangedAt: -Infinity,
    otherNodes: ALONE,
  };
}

function nodesOf({ advertise, host }: TrackerOptions, port: number): Services['nodes'] {
  const name = advertise ?? (isWildcard(host) ? undefined : host);
  return name === undefined ? [] : [{ host: name, port }];
}

/** What a node tells is for the others; what administrators decide concerns all. */
function wakerOf(group: NodeGroup, watches: readonly { hurry(): void }[]): (from: string | undefined) => void {
  return (from) => {
    group.hurry(from);
    if (from === undefined) for (const watch of watches) watch.hurry();
  };
}

/** This tracker as one node of several that share a store. */
function nodeGroup(
  store: NodeStore,
  {
    services,
    options: { identity, sealKey },
    onCutOff,
  }: { services: Services; options: TrackerOptions; onCutOff: (isCutOff: boolean) => void },
): NodeGroup {
  const [own] = services.nodes;
  const { registry, matches, clock, log, dialBack } = services;
  const keys = {
    identity: formatPin(identity.pin),
    'seal key': createHash('sha256').update('shoal seal key').update(sealKey).digest('base64url'),
  };
  const onNodes = (nodes: Services['nodes']): void => {
    services.nodes = nodes;
    services.nodesChangedAt = clock.monotonic();
  };
  const group = new NodeGroup(store, {
    registry,
    matches,
    clock,
    log,
    own,
    keys,
    pin: identity.pin,
    onNodes,
    onRound: (hasWorked) => services.health.noteRound(hasWorked),
    onCutOff,
  });
  dialBack.onProven((session) => registry.noteChange(session));
  services.otherNodes = group;
  return group;
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Peers know one port number: what TCP got, UDP needs too. */
async function listenOnBoth(
  options: { services: Services; router: Router; pages: StatusPages; relay: Relay; host: string; port: number },
  abort: AbortOptions,
): Promise<{ tcp: TcpTransport; udp: UdpTransport }> {
  for (let tries = 1; ; tries += 1) {
    const tcp = await TcpTransport.listen(options, abort);
    try {
      return { tcp, udp: await UdpTransport.listen({ ...options, port: tcp.port }, abort) };
    } catch (error) {
      await tcp.stop();
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (options.port !== 0 || !isTaken || tries === MAX_PORT_TRIES) throw error;
    }
  }
}

function housekeeping(
  { registry, attempts, store, clock, log }: Services,
  kept: { auditDays: number },
): RepeatingTask[] {
  const repeat = (what: string, intervalMs: number, run: () => Promise<void> | void): RepeatingTask =>
    new RepeatingTask(run, { intervalMs, clock, onError: (error) => log.write('warn', `${what} failed`, { error }) });
  return [
    repeat('looking for silent sessions', SWEEP_INTERVAL_MS, () => registry.sweep()),
    repeat('forgetting old logins', SWEEP_INTERVAL_MS, () => attempts.forgetOld()),
    repeat('ending what has expired', EXPIRE_INTERVAL_MS, () => store.expire(Math.floor(clock.now()))),
    repeat('noting who is online', SEEN_INTERVAL_MS, async () => {
      const [seen, at] = [registry.takeSeen(), Math.floor(clock.now())];
      // Each is a step of its own: what others write comes between.
      for (let first = 0; first < seen.length; first += SEEN_AT_ONCE)
        await store.recordSeen(seen.slice(first, first + SEEN_AT_ONCE), at);
    }),
    repeat('forgetting old rows', PRUNE_INTERVAL_MS, async () => {
      await store.prune(Math.floor(clock.now()));
      await store.pruneAudit(Math.floor(clock.now()) - kept.auditDays * DAY_MS);
    }),
    repeat('forgetting what gone folders held', PATHS_SWEEP_INTERVAL_MS, async () => {
      while (await store.sweepPaths()); // each is a step of its own: others' come between them
    }),
  ];
}
