// A peer of a simulated swarm: it fetches by the real scheduler, window and choice of chunks, and serves what it has.

import { ChunkSet } from '../../peer/download/chunk-set.js';
import { Fellows, turnFor } from '../../peer/download/fellows.js';
import { Patience } from '../../peer/download/patience.js';
import { chunksToAsk } from '../../peer/download/request-window.js';
import { Scheduler } from '../../peer/download/scheduler.js';
import { RateMeter } from '../../peer/file-port/rate-meter.js';
import type { EventQueue } from './event-queue.js';
import { Downlink, Flow, type LinkRates, type Request, Uplink } from './virtual-link.js';

/** As `MAX_SESSIONS` and `HAVE_EVERY_MS` of a real peer, and its place for connections. */
const MAX_SESSIONS = 16;
/** As in `source-pool.ts`. */
const MORE_FELLOWS = 4;
const HAVE_EVERY_MS = 100;
const MAX_GUESTS = 512;

export interface VirtualFile {
  readonly chunks: number;
  readonly chunkBytes: number;
}

export interface VirtualPeerOptions extends LinkRates {
  readonly events: EventQueue;
  readonly pin: string;
  readonly file: VirtualFile;
  readonly blockBytes: number;
  readonly latencyMs: number;
  readonly startAt: number;
  /** It publishes the file. */
  readonly isPublisher: boolean;
  readonly onFinished: () => void;
}

/** One source of a downloader: the requests of which nothing has come yet, and how fast it is. */
interface Session {
  readonly source: VirtualPeer;
  readonly flow: Flow;
  readonly meter: RateMeter;
  readonly requests: Map<number, Request>;
  readonly askedAt: Map<Request, number>;
  readonly patience: Patience;
}

/** One downloader of an uploader: what it has not been told of. */
interface Guest {
  readonly peer: VirtualPeer;
  readonly untold: Set<number>;
}

export class VirtualPeer {
  readonly pin: string;
  readonly uplink: Uplink;
  finishedAt: number | undefined;
  duplicateBytes = 0;
  readonly #options: VirtualPeerOptions;
  readonly #events: EventQueue;
  readonly #downlink: Downlink;
  readonly #held: ChunkSet;
  readonly #fellows: Fellows;
  readonly #scheduler: Scheduler;
  readonly #sessions = new Map<string, Session>();
  readonly #guests = new Map<string, Guest>();
  #isTelling = false;
  #most = 0;

  constructor(options: VirtualPeerOptions) {
    const { events, pin, file, startAt, upBytesPerMs, downBytesPerMs, isPublisher } = options;
    this.#options = options;
    this.#events = events;
    this.pin = pin;
    this.uplink = new Uplink({ ...options, bytesPerMs: upBytesPerMs });
    this.#downlink = new Downlink(events, downBytesPerMs);
    this.#held = isPublisher ? ChunkSet.from('all', file.chunks) : new ChunkSet(file.chunks);
    this.#fellows = new Fellows(pin, file.chunks);
    const placeFor = (index: number): number => this.#fellows.placeFor(index);
    this.#scheduler = new Scheduler({ total: file.chunks, done: this.#held.copy(), startAt, placeFor });
  }

  get isPublisher(): boolean {
    return this.#options.isPublisher;
  }

  get isFinished(): boolean {
    return this.#held.isFull;
  }

  /** The tracker's list: sources to connect to while there is room. */
  meet(listed: readonly VirtualPeer[]): void {
    if (this.isFinished) return;
    this.#most = Math.min(MAX_SESSIONS, this.#most + MORE_FELLOWS);
    const devices = listed.filter(({ isPublisher }) => !isPublisher).map(({ pin }) => pin);
    if (this.#fellows.set({ devices, full: 1 }))
      for (const session of this.#sessions.values()) {
        for (const [index] of [...session.requests].slice(1)) this.#drop(session, index);
        this.#pump(session);
      }
    const wanted = listed.filter(({ isPublisher }) => !isPublisher || this.#fellows.isBringer);
    const turn = (peer: VirtualPeer): number => (peer.isPublisher ? -1 : turnFor(this.pin, peer.pin));
    for (const source of wanted.toSorted((a, b) => turn(a) - turn(b))) {
      if (this.#sessions.size >= this.#most) return;
      if (!this.#sessions.has(source.pin) && source.#admit(this)) this.#connect(source);
    }
  }

  #connect(source: VirtualPeer): void {
    const flow: Flow = new Flow(this.pin, this.#downlink, (request, bytes) => this.#take(session, request, bytes));
    const patience = new Patience(this.#events, () => this.#pump(session));
    const meter = new RateMeter(this.#events);
    const session: Session = { source, flow, meter, requests: new Map(), askedAt: new Map(), patience };
    this.#sessions.set(source.pin, session);
    this.#scheduler.setSource(source.pin, source.isFinished ? 'all' : source.#held);
    this.#pump(session);
  }

  /** Finished downloads serve on whom they serve, and nobody new. */
  #admit(guest: VirtualPeer): boolean {
    if (this.#guests.size >= MAX_GUESTS || (this.isFinished && !this.isPublisher)) return false;
    this.#guests.set(guest.pin, { peer: guest, untold: new Set() });
    return true;
  }

  #pump(session: Session): void {
    const { source, flow, meter, requests, patience } = session;
    const { bytesPerSecond } = meter;
    const { chunkBytes: chunkSize } = this.#options.file;
    this.#scheduler.setSpeed(source.pin, bytesPerSecond);
    for (;;) {
      const isShared = this.#scheduler.sources > 1;
      const most = chunksToAsk({ bytesPerSecond, chunkSize, asked: askedOf(session, chunkSize), isShared });
      const span = most === 0 ? undefined : this.#scheduler.next(source.pin, most, { isPatient: !patience.isOver });
      if (span === undefined) {
        if (requests.size === 0 && (this.#fellows.isBringer || this.#scheduler.isIdle)) patience.begin();
        return;
      }
      for (const one of this.#fellows.isBringer ? [session] : this.#sessions.values()) one.patience.end();
      const loser = this.#sessions.get(span.takenFrom ?? '');
      if (loser !== undefined) this.#drop(loser, span.first);
      for (let index = span.first; index < span.first + span.count; index += 1) {
        const request: Request = { index, left: chunkSize, underWay: 0, isCancelled: false };
        requests.set(index, request);
        session.askedAt.set(request, this.#events.monotonic());
        this.#events.after(this.#options.latencyMs, () => {
          if (!request.isCancelled) source.uplink.ask(flow, request);
        });
      }
    }
  }

  #take(session: Session, request: Request, bytes: number): void {
    session.meter.add(bytes);
    request.underWay += bytes;
    const { chunkBytes } = this.#options.file;
    if (request.isCancelled) this.duplicateBytes += bytes;
    if (request.isCancelled) return;
    if (request.underWay < chunkBytes) {
      if (session.requests.size === 1) this.#pump(session);
      return;
    }
    session.requests.delete(request.index);
    session.patience.learn(this.#events.monotonic() - (session.askedAt.get(request) ?? 0));
    session.askedAt.delete(request);
    const isNew = this.#scheduler.arrived(session.source.pin, request.index);
    if (isNew) this.#arrived(request.index);
    else this.duplicateBytes += chunkBytes;
    if (this.isFinished) this.#finish();
    else for (const each of this.#mayBeIdle ? this.#sessions.values() : [session]) this.#pump(each);
  }

  get #mayBeIdle(): boolean {
    return !this.#fellows.isBringer && this.#scheduler.isIdle;
  }

  #arrived(index: number): void {
    this.#held.add(index);
    if (this.#scheduler.isAsked(index)) for (const session of this.#sessions.values()) this.#drop(session, index);
    for (const { untold } of this.#guests.values()) untold.add(index);
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#events.after(HAVE_EVERY_MS + this.#options.latencyMs, () => this.#tell());
  }

  #drop(session: Session, index: number): void {
    const request = session.requests.get(index);
    if (request === undefined) return;
    session.requests.delete(index);
    this.duplicateBytes += request.underWay;
    this.#scheduler.release(session.source.pin, { first: index, count: 1 });
    request.isCancelled = true;
    this.#events.after(this.#options.latencyMs, () => session.source.uplink.cancel(session.flow, request));
  }

  #tell(): void {
    this.#isTelling = false;
    for (const { peer, untold } of this.#guests.values()) {
      if (untold.size === 0) continue;
      peer.#hear(
        this.pin,
        [...untold].map((index): [number, number] => [index, index + 1]),
      );
      untold.clear();
    }
  }

  #hear(source: string, have: [number, number][]): void {
    const session = this.#sessions.get(source);
    if (session === undefined) return;
    this.#scheduler.addChunks(source, have);
    this.#pump(session);
  }

  #finish(): void {
    this.finishedAt = this.#events.monotonic();
    for (const { source, flow, patience } of this.#sessions.values()) {
      patience.end();
      source.uplink.close(flow);
      source.#guests.delete(this.pin);
    }
    this.#sessions.clear();
    this.#options.onFinished();
  }
}

function askedOf({ requests }: Session, chunkBytes: number): number {
  let asked = 0;
  for (const { underWay } of requests.values()) asked += 1 - underWay / chunkBytes;
  return asked;
}
