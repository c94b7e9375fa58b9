import type { Manifest } from '../../common/content/manifest.js';
import type { ChunkRanges } from '../../common/protocol/peer-messages.js';
import type { FileIdentity } from '../library/hashing/file-identity.js';

/** One file that others may fetch, as the library or a running download offers it. */
export interface SharedFile {
  readonly publicationId: string;
  readonly fileId: string;
  /** For screens and file names of links. */
  readonly name: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The file as it was hashed; absent for a download that still runs, whose chunks are proven by its manifest alone. */
  readonly identity?: FileIdentity;
  /** The publication has another content by now; this one is for who began with it. */
  readonly isFormer?: boolean;
  /** The chunk hashes; may come from disk. */
  manifest(): Manifest | Promise<Manifest>;
  /** Chunks that are there now. */
  have(): 'all' | ChunkRanges;
  /** When it is the listing of a folder: what is inside. */
  readonly folder?: SharedFolder;
  /** Whether chunks `first` to `first + count - 1` are all there; `have()` may name only some. Absent: all are. */
  holds?(first: number, count: number): boolean;
  /** Calls `fn` with each chunk that arrives. Returns the undo. */
  onHave?(fn: (index: number) => void): () => void;
}

export interface SharedFolder {
  /** Files of that content inside. */
  find(fileId: string): readonly SharedFile[];
  /** Contents of small files, one after the other: as many as make about 1 MiB. */
  readFiles(fileIds: readonly string[]): Promise<SmallFiles>;
  /** Lines of the listing whose files are there, the first ranges; absent: all are. */
  entries?(): readonly Range[];
  /** Calls `fn` with the line of each file that arrives. Returns the undo. */
  onEntry?(fn: (index: number, fileId: string) => void): () => void;
  /** Calls `fn` with each chunk that is there, or arrives, of a file that is not whole. Returns the undo. */
  onChunk?(fn: (index: number, fileId: string) => void): () => void;
}

/** From the first to behind the last. */
export type Range = [from: number, to: number];

export interface SmallFiles {
  readonly bytes: Uint8Array;
  /** How many of the files that were asked for are in `bytes`. */
  readonly count: number;
  /** Why the next one is not. */
  readonly problem?: 'not-found' | 'gone' | 'changed';
}

/** What this peer serves. No path ever comes from the wire: these two are the only way from a request to a file. */
export interface SharedFiles {
  /** The file of that publication, when this peer holds it as that publication and with that content. */
  find(publicationId: string, fileId: string): SharedFile | undefined;
  /** The file under any publication; for links, which this peer made itself. */
  findFile(fileId: string): SharedFile | undefined;
}

/** Asks each part in turn; the library comes first, then running downloads. */
export function joinSharedFiles(...parts: readonly SharedFiles[]): SharedFiles {
  const first = (look: (files: SharedFiles) => SharedFile | undefined): SharedFile | undefined => {
    for (const part of parts) {
      const found = look(part);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    find: (publicationId, fileId) => first((part) => part.find(publicationId, fileId)),
    findFile: (fileId) => first((part) => part.findFile(fileId)),
  };
}
