/** What a tracker tells Prometheus of itself; docs/operations.md says what each number is for. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { RequestType } from '../../common/protocol/messages.js';
import type { Clock } from '../../common/runtime/clock.js';
import { processFacts } from '../../common/runtime/host.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Carrier } from '../carrier.js';
import type { Services } from '../services.js';
import { type Counter, type Histogram, Metrics } from './metrics.js';

/** Seconds; the targets of the protocol lie between 2 and 20 ms. */
const BOUNDS = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5];
const LAG_RESOLUTION_MS = 20;
const NS_PER_SECOND = 1e9;

export interface TransportFacts {
  /** Datagrams dropped in silence, by reason. */
  readonly drops: () => Readonly<Record<string, number>>;
  readonly connections: () => number;
}

/** Counts requests from the start; `watch` adds what is only known once the tracker listens. */
export class TrackerMetrics implements Part {
  readonly #metrics = new Metrics();
  readonly #requests: Counter;
  readonly #seconds: Histogram;
  readonly #lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  /** Labels are put together once. */
  readonly #labels = new Map<string, Map<string, Map<string, string>>>();

  constructor(private readonly clock: Clock) {
    this.#requests = this.#metrics.counter('shoal_requests_total', 'Requests answered, by type, transport and code.');
    this.#seconds = this.#metrics.histogram('shoal_request_seconds', 'Time from request to reply, by type.', BOUNDS);
    this.#lag.enable();
  }

  /** `startedAt`: monotonic ms. */
  answered(type: RequestType, transport: Carrier['kind'], code: string, startedAt: number): void {
    this.#requests.add(this.#labelsOf(type, transport, code));
    this.#seconds.observe(this.#labelsOf(type, '', ''), (this.clock.monotonic() - startedAt) / 1_000);
  }

  watch({ registry, policy, rates, audit, relayAccounts }: Services, { drops, connections }: TransportFacts): void {
    const startedAt = this.clock.monotonic();
    const metrics = this.#metrics;
    metrics.gauge('shoal_sessions', 'Sessions by state.', () => labelled('state', registry.counts()));
    metrics.gauge('shoal_tcp_connections', 'Open TCP connections with a finished handshake.', connections);
    metrics.countOf('shoal_datagrams_dropped_total', 'Datagrams dropped in silence, by reason.', () =>
      labelled('reason', drops()),
    );
    metrics.countOf('shoal_rate_limited_total', 'Requests refused by a rate limit, by limit.', () =>
      labelled('limit', rates.refused),
    );
    metrics.gauge('shoal_relays', 'Pairs of peers that are relayed now.', () => relayAccounts.open);
    metrics.countOf('shoal_relayed_bytes_total', 'Bytes passed on between peers.', () => relayAccounts.totalBytes);
    metrics.gauge('shoal_bans', 'Bans in force.', () => policy.banCount);
    metrics.countOf('shoal_audit_lost_total', 'Audit rows left out because there were too many.', () => audit.lost);
    metrics.gauge(
      'shoal_heartbeat_interval_seconds',
      'Interval that peers are asked for.',
      () => registry.heartbeatMs() / 1_000,
    );
    metrics.gauge('shoal_event_loop_lag_seconds', 'Delay of the event loop since the last scrape, by quantile.', () =>
      this.#takeLag(),
    );
    metrics.gauge(
      'shoal_uptime_seconds',
      'Since the tracker listens.',
      () => (this.clock.monotonic() - startedAt) / 1_000,
    );
    metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => processFacts().residentBytes);
    metrics.countOf('process_cpu_seconds_total', 'CPU time, user and system.', () => processFacts().cpuSeconds);
  }

  expose(): string {
    return this.#metrics.expose();
  }

  stop(): void {
    this.#lag.disable();
  }

  #takeLag(): ReadonlyMap<string, number> {
    const at = (percentile: number): number =>
      Math.max(0, this.#lag.percentile(percentile) / NS_PER_SECOND - LAG_RESOLUTION_MS / 1_000);
    const rows = new Map([0.5, 0.99, 1].map((quantile) => [`quantile="${quantile}"`, at(quantile * 100)]));
    this.#lag.reset();
    return rows;
  }

  #labelsOf(type: string, transport: string, code: string): string {
    const byTransport = entryOf(this.#labels, type, () => new Map<string, Map<string, string>>());
    const byCode = entryOf(byTransport, transport, () => new Map<string, string>());
    return entryOf(byCode, code, () =>
      transport === '' ? `type="${type}"` : `type="${type}",transport="${transport}",code="${code}"`,
    );
  }
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function labelled(label: string, counts: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  return new Map(Object.entries(counts).map(([name, count]) => [`${label}="${name}"`, count]));
}
