/** What a session asks for and where it puts what arrives: chunks of a file, or files of a folder. */
import type { ProtocolError } from '../../common/protocol/errors.js';
import type { ChunkRanges } from '../../common/protocol/peer-messages.js';
import type { AnswerReceiver } from '../file-port/peer-connection.js';
import type { Scheduler, Span } from './scheduler.js';
import type { SourceSession } from './source-session.js';
import type { SpanReceiver, SpanReceiverOptions } from './span-receiver.js';
import type { SwarmPart } from './swarm-part.js';

/** What a session is told by the receiver of one answer. */
export type SpanEvents = Omit<SpanReceiverOptions, 'span' | 'manifest' | 'buffers' | 'onChunk'> & {
  /** A chunk is whole: there is room to ask for more. */
  readonly onWhole: (chunk: WholeChunk) => void;
};

export interface WholeChunk {
  readonly index: number;
  /** Of the folder that the ticket is for. */
  readonly file?: string;
  /** Resolves when it is in the file or dropped; false when it is not what it must be. Never rejects. */
  readonly isRight: Promise<boolean>;
}

/** Takes the answer to one request for a span. */
export type SpanAnswer = AnswerReceiver & Pick<SpanReceiver, 'rest' | 'heldBytes' | 'isAbandoned' | 'abandon' | 'drop'>;

export interface SpanRequest {
  readonly request: ContentRequest;
  readonly receiver: SpanAnswer;
}

type ContentRequest =
  | { readonly type: 'chunks'; readonly file?: string; readonly first: number; readonly count: number }
  | { readonly type: 'files'; readonly files: string[] };

/** Where a session puts what arrives. */
export interface SessionSink {
  readonly scheduler: Scheduler;
  /** Bytes of one chunk as the scheduler counts them, about. */
  readonly chunkBytes: number;
  /** Asked for ahead at least. Default: 2 MiB. */
  readonly leastWindowBytes?: number;
  readonly swarm: SwarmPart;
  /** What a source that has not all has of what the scheduler counts; undefined: what it said of chunks. */
  chunksOf?(session: SourceSession): ChunkRanges | undefined;
  /** A source that has not all has these chunks of a file inside the folder. */
  chunksInside?(session: SourceSession, fileId: string, chunks: ChunkRanges): void;
  /** What to ask `session` for, so that the chunks of `span` come, and who takes the answer. */
  ask(session: SourceSession, span: Span, events: SpanEvents): SpanRequest;
  /** The source has not what was asked for: true when it is of use all the same. */
  refused?(session: SourceSession, receiver: SpanAnswer, error: ProtocolError): boolean;
  /** Payload of chunks, useful or not. */
  onBytes(bytes: number): void;
  /** So many of them came for chunks that another source had sent first. */
  onDuplicate(bytes: number): void;
}
