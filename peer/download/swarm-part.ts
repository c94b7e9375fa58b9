/** Our part in the swarm of one download: what we bring, and what its sessions owe one another. */
import { Fellows, type Swarm } from './fellows.js';
import type { Scheduler } from './scheduler.js';
import type { SourceSession } from './source-session.js';

export interface SwarmPartOptions {
  /** Our own device. */
  readonly ownPin: string;
  /** Chunks. */
  readonly total: number;
  readonly sessions: () => Iterable<SourceSession>;
}

export class SwarmPart {
  readonly #fellows: Fellows;
  readonly #sessions: SwarmPartOptions['sessions'];

  constructor({ ownPin, total, sessions }: SwarmPartOptions) {
    this.#fellows = new Fellows(ownPin, total);
    this.#sessions = sessions;
  }

  /** False: others bring what only full sources have, and these are asked for it when nothing else comes. */
  get isBringer(): boolean {
    return this.#fellows.isBringer;
  }

  placeFor(index: number): number {
    return this.#fellows.placeFor(index);
  }

  /** Says anew who fetches the same. */
  set(swarm: Swarm): void {
    const isNews = this.#fellows.set(swarm);
    for (const session of this.#sessions()) {
      if (isNews) session.dropWaiting();
      else session.pump();
    }
  }

  /** Some source is asked for something. */
  asked(): void {
    if (!this.isBringer) for (const session of this.#sessions()) session.stayPatient();
  }

  /** A chunk was taken from the source of that name, which need not send it any more. */
  taken(from: string): void {
    for (const session of this.#sessions()) if (session.sourceId === from) session.dropUseless();
  }

  /** Chunk `index` came from `session`, if from anybody. */
  arrived(index: number, scheduler: Scheduler, session?: SourceSession): void {
    if (scheduler.isAsked(index)) for (const other of this.#sessions()) other.dropUseless();
    else session?.dropUseless(); // What follows in its answer may have been taken over.
    if (!this.isBringer && scheduler.isIdle) for (const each of this.#sessions()) each.pump();
  }
}
