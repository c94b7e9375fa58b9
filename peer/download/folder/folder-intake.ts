/**
 * Takes the files of one wave from all sources: cuts the wave into what one request brings (some small files, or chunks of a large one),
 * hands these out by the same scheduler as chunks of a file, and has what arrives proven and written. Holds the network back while the
 * disk is behind.
 */
import { randomBytes } from 'node:crypto';

import { chunkHash, type Manifest } from '../../../common/content/manifest.js';
import type { ProtocolError } from '../../../common/protocol/errors.js';
import type { ChunkRanges } from '../../../common/protocol/peer-messages.js';
import type { RateMeter } from '../../file-port/rate-meter.js';
import { ChunkBuffers } from '../chunk-buffers.js';
import { ChunkSet } from '../chunk-set.js';
import type { Swarm } from '../fellows.js';
import { Scheduler, type Span } from '../scheduler.js';
import type { SessionSink, SpanAnswer, SpanEvents, SpanRequest } from '../session-sink.js';
import { SourceFault } from '../source-fault.js';
import type { SourceSession } from '../source-session.js';
import { SpanReceiver } from '../span-receiver.js';
import { SwarmPart } from '../swarm-part.js';
import type { ArrivedChunk } from '../write-chunk.js';
import type { ArrivedFiles } from './arrived-files.js';
import { groupsOf } from './file-groups.js';
import { FilesReceiver } from './files-receiver.js';
import type { WantedFile } from './folder-plan.js';
import { shifted } from './shifted-answer.js';

/** From a source that is alone one request brings so many groups: fewer cost less. */
const GROUPS_AT_ONCE = 4;
/** Asked for ahead at least, bytes: for small files both ends do more between question and answer than for chunks. */
const LEAST_WINDOW_BYTES = 12 * 1024 * 1024;
/** With others who fetch the same: what is asked of one source cannot be had from another. */
const SWARM_WINDOW_BYTES = 512 * 1024;
const MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024;

export interface LargeFile {
  readonly wanted: WantedFile;
  readonly manifest: Manifest;
  /** Chunks that are there already. */
  readonly held: ChunkSet;
}

export interface FolderIntakeOptions {
  readonly small: readonly WantedFile[];
  readonly large: readonly LargeFile[];
  /** Small files one by one: then a source that lacks one is of use for all others. */
  readonly isApart: boolean;
  readonly meter: RateMeter;
  readonly sessions: () => Iterable<SourceSession>;
  /** Proves and writes; resolves with the places of those that are not what they must be. */
  readonly writeSmall: (files: readonly WantedFile[], bytes: Buffer<ArrayBuffer>) => Promise<number[]>;
  /** Proves and writes; false when it is not what it must be. */
  readonly writeChunk: (file: WantedFile, chunk: ArrivedChunk) => Promise<boolean>;
  readonly onCredit: (session: SourceSession, bytes: number) => void;
  /** So many files and bytes more are in place. */
  readonly onWritten: (bytes: number, files: number) => void;
  /** A source has not this file as it was published. */
  readonly onMissing: (file: WantedFile) => void;
  /** Is told what came from sources. */
  readonly arrived: Pick<ArrivedFiles, 'add' | 'addChunk'>;
  /** Our own device, and who fetches the same. */
  readonly ownPin: string;
  readonly swarm: Swarm;
  readonly onFailed: (error: unknown) => void;
}

interface ArrivedSmallFiles {
  /** What was asked for, and who took the answer. */
  readonly span: Span;
  readonly receiver: FilesReceiver;
  /** What has come of it, one after the other in `bytes`; unproven. */
  readonly files: readonly WantedFile[];
  readonly bytes: Buffer<ArrayBuffer>;
}

interface Placed extends LargeFile {
  /** Nothing of it was here before. */
  readonly isNew: boolean;
  /** Of its first chunk in the scheduler. */
  readonly first: number;
}

export class FolderIntake implements SessionSink {
  readonly scheduler: Scheduler;
  readonly chunkBytes: number;
  readonly swarm: SwarmPart;
  #isSwarm = false;
  /** Resolves when all is written that is not missing. */
  readonly done: Promise<void>;
  readonly #options: FolderIntakeOptions;
  /** What is not there yet of each group. */
  readonly #groups: WantedFile[][];
  /** Came and are being written: not asked for again meanwhile. */
  readonly #writing = new Set<WantedFile>();
  readonly #large: Placed[] = [];
  /** Large files that are missing. */
  readonly #aside = new Set<Placed>();
  readonly #byContent: ReadonlyMap<string, readonly Placed[]>;
  readonly #buffers = new Map<number, ChunkBuffers>();
  #finish: () => void = () => undefined;
  #unwrittenBytes = 0;
  duplicateBytes = 0;

  constructor(options: FolderIntakeOptions) {
    this.#options = options;
    this.#groups = groupsOf(options.small, options.isApart);
    let total = this.#groups.length;
    for (const file of options.large) {
      this.#large.push({ ...file, first: total, isNew: file.held.size === 0 });
      total += file.held.total;
    }
    const done = new ChunkSet(total);
    let bytes = options.small.reduce((sum, { entry }) => sum + entry.size, 0);
    for (const { first, held, wanted } of this.#large) {
      bytes += wanted.entry.size;
      for (let chunk = 0; chunk < held.total; chunk += 1) if (held.has(chunk)) done.add(first + chunk);
    }
    this.#byContent = Map.groupBy(this.#large, ({ wanted }) => wanted.entry.fileId);
    this.chunkBytes = Math.max(1, Math.ceil(bytes / Math.max(1, total)));
    const firsts = new Set(this.#large.map(({ first }) => first));
    const isJoined = (index: number): boolean =>
      index < this.#groups.length
        ? index % GROUPS_AT_ONCE > 0 && !this.#isSwarm && this.scheduler.sources === 1 && !options.isApart
        : !firsts.has(index);
    this.swarm = new SwarmPart({ ownPin: options.ownPin, total, sessions: options.sessions });
    this.setSwarm(options.swarm);
    // Alone, in the order of the folder; with others, each somewhere else.
    const startAt = options.swarm.devices.length === 0 || total === 0 ? 0 : randomBytes(4).readUInt32BE() % total;
    const placeFor = (index: number): number => this.swarm.placeFor(index);
    this.scheduler = new Scheduler({ total, done, startAt, placeFor, isJoined });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
    this.#endWhenDone();
  }

  /** Lets a session fetch into this. */
  join(session: SourceSession): void {
    if (this.scheduler.isComplete) return;
    if (this.#isBehind) session.pause();
    session.fetch(this);
  }

  get leastWindowBytes(): number {
    return this.#isSwarm ? SWARM_WINDOW_BYTES : LEAST_WINDOW_BYTES;
  }

  /** Says anew who fetches the same. */
  setSwarm(swarm: Swarm): void {
    this.#isSwarm = swarm.devices.length > 0;
    this.swarm.set(swarm);
  }

  /** Of one that fetches the folder itself: groups of small files that it has all of, and what it has of large ones. */
  chunksOf(session: SourceSession): ChunkRanges | undefined {
    if (session.hasAllEntries) return undefined;
    const ranges: ChunkRanges = [];
    for (const [index, group] of this.#groups.entries())
      if (group.every((file) => session.hasEntry(file.index))) append(ranges, index, index + 1);
    for (const { first, held, wanted } of this.#large)
      if (session.hasEntry(wanted.index)) append(ranges, first, first + held.total);
    return ranges;
  }

  chunksInside({ sourceId }: SourceSession, fileId: string, chunks: Readonly<ChunkRanges>): void {
    const places = this.#byContent.get(fileId) ?? [];
    const total = places[0]?.held.total ?? 0;
    const ranges = chunks.filter(([from]) => from < total);
    for (const { first } of places)
      this.scheduler.addChunks(
        sourceId,
        ranges.map(([from, to]) => [first + from, first + Math.min(to, total)]),
      );
  }

  entriesCame(session: SourceSession): void {
    this.scheduler.addChunks(session.sourceId, this.chunksOf(session) ?? 'all');
    session.pump();
  }

  ask(session: SourceSession, span: Span, events: SpanEvents): SpanRequest {
    const isSmall = span.first < this.#groups.length;
    return isSmall ? this.#askFiles(session, span, events) : this.#askChunks(session, span, events);
  }

  refused(session: SourceSession, receiver: SpanAnswer, { code }: ProtocolError): boolean {
    // Who fetches the folder itself said that it has it: it is done, or has given up.
    if (!session.hasAllEntries) return false;
    if (code !== 'changed' && code !== 'gone' && code !== 'not-found') return false;
    const index = receiver.rest.first;
    if (receiver instanceof FilesReceiver) {
      const missing = receiver.files[receiver.wholeFiles];
      if (missing !== undefined) this.#setAside(missing, receiver.rest);
      return true;
    }
    this.#setAsideLarge(this.#placedAt(index));
    return true;
  }

  onBytes(bytes: number): void {
    this.#options.meter.add(bytes);
  }

  onDuplicate(bytes: number): void {
    this.duplicateBytes += bytes;
  }

  #askFiles(session: SourceSession, span: Span, events: SpanEvents): SpanRequest {
    const groups = this.#groups.slice(span.first, span.first + span.count).map((group) => {
      const free = group.filter((file) => !this.#writing.has(file));
      return free.length > 0 ? free : group;
    });
    const receiver = new FilesReceiver({
      first: span.first,
      groups,
      events,
      onFiles: (bytes, count) =>
        void this.#takeFiles(session, { span, receiver, bytes, files: receiver.files.slice(0, count) }),
    });
    return { request: { type: 'files', files: receiver.files.map(({ entry }) => entry.fileId) }, receiver };
  }

  async #takeFiles(session: SourceSession, { span, receiver, files, bytes }: ArrivedSmallFiles): Promise<void> {
    const size = bytes.length;
    this.#hold(size);
    for (const file of files) this.#writing.add(file);
    try {
      const wrong = new Set(await this.#options.writeSmall(files, bytes));
      const right = files.filter((_, place) => !wrong.has(place));
      this.#placeFiles(session, span, right);
      this.#releaseLacking(session, { first: span.first, count: receiver.rest.first - span.first });
      const [liar] = wrong;
      const name = liar === undefined ? undefined : files[liar]?.entry.path;
      if (name !== undefined) session.fail(new SourceFault('lied', `sent bytes that are not the file ${name}`));
    } catch (error) {
      this.#options.onFailed(error);
    } finally {
      for (const file of files) this.#writing.delete(file);
      this.#letGo(size);
    }
  }

  #placeFiles(session: SourceSession, { first, count }: Span, right: readonly WantedFile[]): void {
    const missing = new Set(this.#groups.slice(first, first + count).flat());
    const fresh = right.filter((file) => missing.delete(file));
    const bytes = sizeOf(fresh);
    this.duplicateBytes += sizeOf(right) - bytes;
    for (let index = first; index < first + count; index += 1)
      this.#groups[index] = (this.#groups[index] ?? []).filter((file) => missing.has(file));
    for (const file of fresh) this.#options.arrived.add(file);
    this.#options.onCredit(session, bytes);
    this.#options.onWritten(bytes, fresh.length);
    for (let index = first; index < first + count; index += 1) this.#arrivedWhenEmpty(session, index);
  }

  /** Of groups that it was asked for in part, as another source had sent the rest: that was wrong, and is asked for anew. */
  #releaseLacking({ sourceId }: SourceSession, { first, count }: Span): void {
    for (let index = first; index < first + count; index += 1)
      if ((this.#groups[index]?.length ?? 0) > 0) this.scheduler.release(sourceId, { first: index, count: 1 });
  }

  #setAside(missing: WantedFile, { first, count }: Span): void {
    const place = this.#groups.slice(first, first + count).findIndex((group) => group.includes(missing));
    if (place < 0) return;
    const index = first + place;
    this.#groups[index] = (this.#groups[index] ?? []).filter((file) => file !== missing);
    this.#options.onMissing(missing);
    this.#arrivedWhenEmpty(undefined, index);
  }

  /** Once: every request for it that waits is refused. */
  #setAsideLarge(file: Placed): void {
    if (file.held.isFull || this.#aside.has(file)) return;
    this.#aside.add(file);
    for (let chunk = 0; chunk < file.held.total; chunk += 1) this.scheduler.arrived('', file.first + chunk);
    this.#options.onMissing(file.wanted);
    this.#endWhenDone();
  }

  #arrivedWhenEmpty(session: SourceSession | undefined, index: number): void {
    if ((this.#groups[index]?.length ?? 0) > 0) return;
    this.#arrived(session, index);
  }

  #askChunks(session: SourceSession, span: Span, { onWhole, ...events }: SpanEvents): SpanRequest {
    const placed = this.#placedAt(span.first);
    const { wanted, manifest, first } = placed;
    const { fileId } = wanted.entry;
    const chunks = { first: span.first - first, count: span.count };
    const buffers = this.#buffersFor(manifest);
    const receiver = new SpanReceiver({
      ...events,
      span: chunks,
      manifest,
      buffers,
      onChunk: (index, buffer, length) =>
        onWhole({
          index,
          file: fileId,
          isRight: this.#takeChunk(session, placed, { index, buffer, length, buffers }),
        }),
    });
    return { request: { type: 'chunks', file: fileId, ...chunks }, receiver: shifted(receiver, first) };
  }

  async #takeChunk(
    session: SourceSession,
    placed: Placed,
    { index, buffer, length, buffers }: { index: number; buffer: Buffer; length: number; buffers: ChunkBuffers },
  ): Promise<boolean> {
    const { wanted, manifest, first, held, isNew } = placed;
    this.#hold(length);
    try {
      const hash = chunkHash(manifest, index);
      const chunk = { bytes: buffer.subarray(0, length), offset: index * manifest.chunkSize, hash };
      const isRight = held.has(index) || (await this.#options.writeChunk(wanted, chunk));
      if (!isRight) return false;
      if (!this.#arrived(session, first + index)) this.onDuplicate(length);
      else {
        held.add(index);
        this.#options.onCredit(session, length);
        this.#options.onWritten(length, held.isFull ? 1 : 0);
        if (isNew) this.#passOn(placed, index);
      }
      return true;
    } catch (error) {
      this.#options.onFailed(error);
      return true;
    } finally {
      buffers.give(buffer);
      this.#letGo(length);
    }
  }

  #passOn({ wanted, manifest, held }: Placed, index: number): void {
    if (held.isFull) this.#options.arrived.add(wanted, manifest);
    else this.#options.arrived.addChunk({ wanted, manifest, held }, index);
  }

  #arrived(session: SourceSession | undefined, index: number): boolean {
    const isNew = this.scheduler.arrived(session?.sourceId ?? '', index);
    this.swarm.arrived(index, this.scheduler, session);
    this.#endWhenDone();
    return isNew;
  }

  #placedAt(index: number): Placed {
    const placed = this.#large.findLast(({ first }) => first <= index);
    if (placed === undefined) throw new RangeError(`no large file at ${index}`);
    return placed;
  }

  #buffersFor({ chunkSize }: Manifest): ChunkBuffers {
    const known = this.#buffers.get(chunkSize);
    if (known !== undefined) return known;
    const buffers = new ChunkBuffers(chunkSize);
    this.#buffers.set(chunkSize, buffers);
    return buffers;
  }

  get #isBehind(): boolean {
    return this.#unwrittenBytes >= MAX_UNWRITTEN_BYTES;
  }

  #hold(bytes: number): void {
    this.#unwrittenBytes += bytes;
    if (this.#isBehind) for (const session of this.#options.sessions()) session.pause();
  }

  #letGo(bytes: number): void {
    this.#unwrittenBytes -= bytes;
    if (this.#unwrittenBytes < MAX_UNWRITTEN_BYTES / 2)
      for (const session of this.#options.sessions()) session.resume();
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.scheduler.isComplete && this.#unwrittenBytes === 0) this.#finish();
  }
}

function append(ranges: ChunkRanges, from: number, to: number): void {
  const last = ranges.at(-1);
  if (last?.[1] === from) last[1] = to;
  else ranges.push([from, to]);
}

function sizeOf(files: readonly WantedFile[]): number {
  return files.reduce((sum, { entry }) => sum + entry.size, 0);
}
