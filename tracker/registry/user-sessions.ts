import { MAX_SESSIONS_PER_USER } from '../../common/protocol/limits.js';
import type { Session } from './session.js';

/** The sessions of each user, those at other nodes included. */
export class UserSessions {
  readonly #sessionsByUser = new Map<string, Set<Session>>();

  of(user: string): Session[] {
    return [...(this.#sessionsByUser.get(fold(user)) ?? [])];
  }

  /** Attacker: one account that opens sessions without end; its oldest make way, and nobody else's. Returns the one that has to. */
  add(session: Session, serving: Session | undefined): Session | undefined {
    const user = fold(session.user);
    const sessions = this.#sessionsByUser.get(user) ?? new Set();
    this.#sessionsByUser.set(user, sessions.add(session));
    if (sessions.size <= MAX_SESSIONS_PER_USER) return undefined;
    const [oldest] = [...sessions]
      .filter((other) => other !== session && other !== serving && other.node === undefined)
      .sort((a, b) => Number(b.isEnded) - Number(a.isEnded) || a.lastSeenAt - b.lastSeenAt);
    return oldest;
  }

  remove(session: Session): void {
    const user = fold(session.user);
    const sessions = this.#sessionsByUser.get(user);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#sessionsByUser.delete(user);
  }
}

/** User names are ASCII. */
export function fold(user: string): string {
  return user.toLowerCase();
}
