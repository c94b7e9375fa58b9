import { MAX_SESSIONS_PER_USER } from '../../common/protocol/limits.js';
import type { Session } from './session.js';

/** The sessions of each user, those at other nodes included. */
export class UserSessions {
  /** Nearly every user has one, for which a set would take as much memory as the session itself. */
  readonly #sessionsByUser = new Map<string, Session | Set<Session>>();

  of(user: string): Session[] {
    const found = this.#sessionsByUser.get(fold(user));
    if (found === undefined) return [];
    return found instanceof Set ? [...found] : [found];
  }

  /** Attacker: one account that opens sessions without end; its oldest make way, and nobody else's. Returns the one that has to. */
  add(session: Session, serving: Session | undefined): Session | undefined {
    const user = fold(session.user);
    const sessions = new Set(this.of(user)).add(session);
    this.#sessionsByUser.set(user, sessions.size === 1 ? session : sessions);
    if (sessions.size <= MAX_SESSIONS_PER_USER) return undefined;
    const [oldest] = [...sessions]
      .filter((other) => other !== session && other !== serving && other.node === undefined)
      .sort((a, b) => Number(b.isEnded) - Number(a.isEnded) || a.lastSeenAt - b.lastSeenAt);
    return oldest;
  }

  remove(session: Session): void {
    const user = fold(session.user);
    const sessions = new Set(this.of(user));
    sessions.delete(session);
    const [first] = sessions;
    if (first === undefined) this.#sessionsByUser.delete(user);
    else this.#sessionsByUser.set(user, sessions.size === 1 ? first : sessions);
  }
}

/** User names are ASCII. */
export function fold(user: string): string {
  return user.toLowerCase();
}
