/**
 * Takes whole chunks from the sessions of one download and has them proven and written to its `.part`: counts them, keeps the scheduler
 * true, and holds the network back while the disk is behind.
 */
import { randomBytes } from 'node:crypto';

import { chunkHash, type Manifest } from '../../common/content/manifest.js';
import type { RateMeter } from '../file-port/rate-meter.js';
import { ChunkBuffers } from './chunk-buffers.js';
import type { ChunkSet } from './chunk-set.js';
import { mostWaitingBytes } from './memory-budget.js';
import type { PartFile } from './part-file.js';
import { Scheduler, type Span } from './scheduler.js';
import type { SessionSink, SpanEvents, SpanRequest } from './session-sink.js';
import type { SourceSession } from './source-session.js';
import { SpanReceiver } from './span-receiver.js';
import { SwarmPart } from './swarm-part.js';

/** A whole chunk, unproven. */
interface Arrived {
  readonly index: number;
  readonly buffer: Buffer;
  readonly length: number;
}

export interface ChunkIntakeOptions {
  readonly part: PartFile;
  readonly manifest: Manifest;
  /** Chunks that an earlier run left; grows with those written. */
  readonly held: ChunkSet;
  readonly meter: RateMeter;
  readonly sessions: () => readonly SourceSession[];
  /** `session` sent `bytes` that were new and right. */
  readonly onCredit: (session: SourceSession, bytes: number) => void;
  /** Our own device. */
  readonly ownPin: string;
  /** A chunk is in the file. */
  readonly onWritten: (index: number) => void;
  /** The file cannot be written. */
  readonly onFailed: (error: unknown) => void;
}

export class ChunkIntake implements SessionSink {
  readonly manifest: Manifest;
  readonly scheduler: Scheduler;
  /** Kept up to date by the download. */
  readonly swarm: SwarmPart;
  readonly buffers: ChunkBuffers;
  readonly held: ChunkSet;
  /** Bytes that were there before this run. */
  readonly resumedBytes: number;
  readonly #options: ChunkIntakeOptions;
  #mostUnwritten: number;
  #doneBytes: number;
  #duplicateBytes = 0;
  #unwrittenBytes = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: ChunkIntakeOptions) {
    const { manifest, held } = options;
    this.#options = options;
    this.manifest = manifest;
    this.held = held;
    this.resumedBytes = bytesOf(held, manifest);
    this.#doneBytes = this.resumedBytes;
    this.#mostUnwritten = mostWaitingBytes(manifest.chunkSize, 0);
    this.buffers = new ChunkBuffers(Math.min(manifest.chunkSize, manifest.size));
    const startAt = held.total > 0 ? randomBytes(4).readUInt32BE() % held.total : 0;
    const { ownPin, sessions } = options;
    this.swarm = new SwarmPart({ ownPin, total: held.total, sessions });
    const placeFor = (index: number): number => this.swarm.placeFor(index);
    this.scheduler = new Scheduler({ total: held.total, done: held.copy(), startAt, placeFor });
  }

  /** Bytes that are in the file and proven. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** Bytes that came and are neither in the file nor lost yet: of chunks that are not whole, and of those that wait for the disk. */
  get underWayBytes(): number {
    return this.#options.sessions().reduce((sum, session) => sum + session.heldBytes, this.#unwrittenBytes);
  }

  /** Bytes that came from two sources. */
  get duplicateBytes(): number {
    return this.#duplicateBytes;
  }

  get isComplete(): boolean {
    return this.held.isFull;
  }

  /** Lets a session fetch into this. */
  join(session: SourceSession): void {
    if (this.scheduler.isComplete) return;
    if (this.#isBehind) session.pause();
    session.fetch(this);
  }

  get chunkBytes(): number {
    return this.manifest.chunkSize;
  }

  ask(session: SourceSession, span: Span, { onWhole, ...events }: SpanEvents): SpanRequest {
    const { manifest, buffers } = this;
    const onChunk = (index: number, buffer: Buffer, length: number): void =>
      onWhole({ index, isRight: this.#take(session, { index, buffer, length }) });
    const receiver = new SpanReceiver({ ...events, span, manifest, buffers, onChunk });
    return { request: { type: 'chunks', ...span }, receiver };
  }

  onBytes(bytes: number): void {
    this.#options.meter.add(bytes);
    if (this.#isBehind) for (const session of this.#options.sessions()) session.pause();
  }

  onDuplicate(bytes: number): void {
    this.#duplicateBytes += bytes;
  }

  async #take(session: SourceSession, { index, buffer, length }: Arrived): Promise<boolean> {
    this.#unwrittenBytes += length;
    this.#mostUnwritten = mostWaitingBytes(this.chunkBytes, this.#options.meter.bytesPerSecond);
    try {
      const hash = chunkHash(this.manifest, index);
      const bytes = buffer.subarray(0, length);
      const isRight =
        this.held.has(index) ||
        (await this.#options.part.write({ bytes, offset: index * this.manifest.chunkSize, hash }));
      if (isRight) this.#arrived(session, index, length);
      return isRight;
    } catch (error) {
      this.#options.onFailed(error);
      return true;
    } finally {
      this.buffers.give(buffer);
      this.#letGo(length);
    }
  }

  #arrived(session: SourceSession, index: number, length: number): void {
    const isNew = this.scheduler.arrived(session.sourceId, index);
    this.swarm.arrived(index, this.scheduler, session);
    if (!isNew) {
      this.onDuplicate(length);
      return;
    }
    this.held.add(index);
    this.#doneBytes += length;
    this.#options.onCredit(session, length);
    this.#options.onWritten(index);
  }

  /** Resolves when nothing is being written: the file must not be closed under a write. */
  async settle(): Promise<void> {
    if (this.#unwrittenBytes === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    await promise;
  }

  get #isBehind(): boolean {
    return this.#unwrittenBytes >= this.#mostUnwritten;
  }

  #letGo(bytes: number): void {
    this.#unwrittenBytes -= bytes;
    if (this.#unwrittenBytes < this.#mostUnwritten / 2)
      for (const session of this.#options.sessions()) session.resume();
    if (this.#unwrittenBytes === 0) this.#onIdle?.();
  }
}

function bytesOf(held: ChunkSet, { size, chunkSize }: Manifest): number {
  const last = held.total - 1;
  return held.size * chunkSize - (last >= 0 && held.has(last) ? held.total * chunkSize - size : 0);
}
