/**
 * Who may hold how many TCP connections. Attacker: one host, or one account, that opens connections until there are no more; he loses his
 * own oldest ones for it, and nobody else loses any.
 */
import { MAX_CONNECTIONS_PER_USER, MAX_HELLOS_PER_SOURCE } from '../../common/protocol/limits.js';

export interface Held {
  /** It waits for the reply to its login or resume. */
  readonly isEntering: boolean;
  close(): void;
}

export class TcpPlaces<Connection extends Held> {
  readonly #bySource = new Map<string, Set<Connection>>();
  readonly #byUser = new Map<string, Set<Connection>>();
  readonly #leaveByConnection = new Map<Connection, () => void>();

  /** A connection without a session. False: there is no room for it. */
  enter(connection: Connection, source: string): boolean {
    const others = this.#bySource.get(source);
    if (others !== undefined && others.size >= MAX_HELLOS_PER_SOURCE) {
      const oldest = others.values().find(({ isEntering }) => !isEntering);
      if (oldest === undefined) return false;
      this.#close(oldest);
    }
    this.#put(this.#bySource, source, connection);
    return true;
  }

  /** It has a session of this user now. */
  adopt(connection: Connection, user: string): void {
    if (!this.#leaveByConnection.has(connection)) return; // it was closed meanwhile
    const key = user.toLowerCase();
    this.leave(connection);
    this.#put(this.#byUser, key, connection);
    const [oldest, ...others] = this.of(user);
    if (oldest !== undefined && others.length >= MAX_CONNECTIONS_PER_USER) this.#close(oldest);
  }

  /** Those of a user, the oldest first. */
  of(user: string): Connection[] {
    return [...(this.#byUser.get(user.toLowerCase()) ?? [])];
  }

  /** Twice is fine. */
  leave(connection: Connection): void {
    this.#leaveByConnection.get(connection)?.();
    this.#leaveByConnection.delete(connection);
  }

  /** At once: it must not count until the socket says that it has closed. */
  #close(connection: Connection): void {
    this.leave(connection);
    connection.close();
  }

  #put(places: Map<string, Set<Connection>>, key: string, connection: Connection): void {
    const connections = places.get(key) ?? new Set();
    places.set(key, connections.add(connection));
    this.#leaveByConnection.set(connection, () => {
      connections.delete(connection);
      if (connections.size === 0 && places.get(key) === connections) places.delete(key);
    });
  }
}
