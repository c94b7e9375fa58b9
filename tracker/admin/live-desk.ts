import { processFacts } from '../../common/runtime/host.js';
import type { Services } from '../services.js';
import type { LiveDesk } from './perform-admin.js';

interface Levers {
  readonly setLogLevel: LiveDesk['setLogLevel'] | undefined;
  readonly refresh: LiveDesk['refresh'];
}

/** What an administrator asks of a running tracker. */
export function liveDesk({ registry, policy, clock }: Services, { setLogLevel, refresh }: Levers): LiveDesk {
  const startedAt = clock.monotonic();
  return {
    status: () => {
      const { active, serving, silent } = registry.counts();
      return {
        activeSessions: active,
        servingSessions: serving,
        silentSessions: silent,
        bans: policy.banCount,
        heartbeatMs: registry.heartbeatMs(),
        uptimeMs: Math.floor(clock.monotonic() - startedAt),
        residentBytes: processFacts().residentBytes,
      };
    },
    sessions: () =>
      registry.sessions().map((session) => ({
        user: session.user,
        device: session.device,
        address: session.observed.host,
        state: session.isEnded ? 'ended' : registry.isActive(session) ? 'active' : 'silent',
        serving: session.isServing,
        since: session.activeSince,
      })),
    limits: () =>
      Object.entries(policy.defaults).map(([limit, value]) => ({ kind: 'tracker', subject: '', limit, value })),
    setLogLevel: async (level) => setLogLevel?.(level),
    refresh,
  };
}
