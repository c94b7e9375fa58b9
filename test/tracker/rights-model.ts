/** Who may fetch what, in a few lines: rights of tests are judged by it, never by the program. */

export const OWNER = 'alice';
/** Everybody but the owner. */
export const OTHERS = ['bob', 'carol', 'dave'] as const;
export const TEAM = 'team';

export type Outcome = 'ok' | 'not-found' | 'passcode-needed' | 'wrong-passcode' | 'used-up';
export type ModelRights = 'public' | { readonly users: readonly string[]; readonly groups: readonly string[] };

export interface ModelPublication {
  name: string;
  publicationId: string;
  fileId: string;
  rights: ModelRights;
  passcode: string | undefined;
  readonly unlocked: Set<string>;
  downloads: { readonly most: number; readonly burn: boolean; left: number } | undefined;
  readonly counted: Set<string>;
  isExpired: boolean;
}

export interface ModelTicket {
  readonly publication: ModelPublication;
  readonly user: string;
  readonly text: string;
  isRevoked: boolean;
}

export class RightsModel {
  readonly publications: ModelPublication[] = [];
  readonly tickets: ModelTicket[] = [];
  readonly team = new Set<string>();
  readonly disabled = new Set<string>();

  isVisible(user: string, publication: ModelPublication): boolean {
    const { rights, isExpired, downloads, counted } = publication;
    if (user === OWNER) return true;
    const isListed =
      rights === 'public' || rights.users.includes(user) || (rights.groups.includes(TEAM) && this.team.has(user));
    const isBurned = downloads?.burn === true && downloads.left === 0;
    return isListed && !isExpired && (!isBurned || counted.has(user));
  }

  visibleNames(user: string): string[] {
    return this.publications
      .filter((one) => this.isVisible(user, one))
      .map(({ name }) => name)
      .toSorted();
  }

  /** What asking for a ticket must answer; takes note of it. */
  fetch(user: string, publication: ModelPublication, passcode: string | undefined): Outcome {
    const { unlocked, counted, downloads } = publication;
    if (!this.isVisible(user, publication)) return 'not-found';
    if (publication.passcode !== undefined) {
      if (passcode !== undefined && passcode !== publication.passcode) return 'wrong-passcode';
      if (passcode !== undefined) unlocked.add(user);
      if (!unlocked.has(user)) return 'passcode-needed';
    }
    if (downloads !== undefined && !counted.has(user)) {
      if (downloads.left === 0) return 'used-up';
      downloads.left -= 1;
      counted.add(user);
    }
    return 'ok';
  }

  setRights(publication: ModelPublication, rights: ModelRights): void {
    publication.rights = rights;
    if (rights !== 'public') this.#revokeLost((ticket) => ticket.publication === publication);
  }

  setPasscode(publication: ModelPublication, passcode: string | undefined): void {
    if (publication.passcode === passcode) return;
    publication.passcode = passcode;
    publication.unlocked.clear();
    if (passcode !== undefined) this.#revoke((ticket) => ticket.publication === publication);
  }

  setDownloads(publication: ModelPublication, downloads: { most: number; burn: boolean } | undefined): void {
    publication.downloads = downloads && { ...downloads, left: downloads.most };
    publication.counted.clear();
  }

  setExpired(publication: ModelPublication, isExpired: boolean): void {
    publication.isExpired = isExpired;
    if (isExpired) this.#revoke((ticket) => ticket.publication === publication);
  }

  leave(user: string): void {
    this.team.delete(user);
    this.#revokeLost((ticket) => ticket.user === user);
  }

  disable(user: string): void {
    this.disabled.add(user);
    this.#revoke((ticket) => ticket.user === user);
  }

  #revoke(concerns: (ticket: ModelTicket) => boolean): void {
    for (const ticket of this.tickets) if (concerns(ticket)) ticket.isRevoked = true;
  }

  #revokeLost(concerns: (ticket: ModelTicket) => boolean): void {
    this.#revoke((ticket) => concerns(ticket) && !this.isVisible(ticket.user, ticket.publication));
  }
}
