/**
 * Who is hashed next. Attacker: who keeps the queue full, with a made-up name each time. He gets his turns and no more: lanes take turns,
 * a lane has its own limit, and in a full queue the longest lane gives way to a shorter one. A lane for a device that is known is
 * opened by proof alone, passes the limit of all, and is one for each user: there are no more of them than accounts.
 */

/** Jobs of unknown devices that may wait together. */
export const MAX_WAITING_HASHES = 64;
/** Of one source: a class behind one address comes in, and leaves room for others. */
export const MAX_WAITING_PER_SOURCE = 32;
/** Of one user's known devices. */
export const MAX_WAITING_PER_KNOWN_USER = 4;

/** In whose name a hash is asked for: the network it comes from, or the user whose device has proven that it is known. */
export type Lane = { readonly source: string } | { readonly knownUser: string };

export class HashQueue<Job> {
  /** The next lane's turn is the first one's. */
  readonly #lanes = new Map<string, { readonly isKnown: boolean; readonly jobs: Job[] }>();
  #strangers = 0;

  get size(): number {
    let size = 0;
    for (const { jobs } of this.#lanes.values()) size += jobs.length;
    return size;
  }

  /** Whether a job of this lane would be taken in. */
  hasRoom(lane: Lane): boolean {
    const { isKnown, key } = placeOf(lane);
    const length = this.#lanes.get(key)?.jobs.length ?? 0;
    if (length >= (isKnown ? MAX_WAITING_PER_KNOWN_USER : MAX_WAITING_PER_SOURCE)) return false;
    return isKnown || this.#strangers < MAX_WAITING_HASHES || this.#longest().length > length + 1;
  }

  /** False when there is no room. `refuse` gets a job that was taken in and has to make way. */
  push(lane: Lane, job: Job, refuse: (job: Job) => void): boolean {
    if (!this.hasRoom(lane)) return false;
    const { isKnown, key } = placeOf(lane);
    const jobs = this.#lanes.get(key)?.jobs ?? [];
    if (!isKnown && this.#strangers >= MAX_WAITING_HASHES) this.#makeRoom(refuse);
    if (!isKnown) this.#strangers += 1;
    jobs.push(job);
    if (jobs.length === 1) this.#lanes.set(key, { isKnown, jobs });
    return true;
  }

  shift(): Job | undefined {
    for (const [key, lane] of this.#lanes) {
      const job = lane.jobs.shift();
      this.#lanes.delete(key);
      if (lane.jobs.length > 0) this.#lanes.set(key, lane); // at the end: the others come first
      if (!lane.isKnown) this.#strangers -= 1;
      return job;
    }
    return undefined;
  }

  /** The newest job of the longest lane goes: that lane stays as long as the one for which it makes room. */
  #makeRoom(refuse: (job: Job) => void): void {
    const job = this.#longest().pop();
    if (job === undefined) return;
    this.#strangers -= 1;
    refuse(job);
  }

  #longest(): Job[] {
    let longest: Job[] = [];
    for (const { isKnown, jobs } of this.#lanes.values()) if (!isKnown && jobs.length > longest.length) longest = jobs;
    return longest;
  }
}

function placeOf(lane: Lane): { readonly isKnown: boolean; readonly key: string } {
  if ('knownUser' in lane) return { isKnown: true, key: `user ${lane.knownUser.toLowerCase()}` };
  return { isKnown: false, key: `source ${lane.source}` };
}
