/** What is to be fetched, and where to. */
export interface DownloadRequest {
  readonly publicationId: string;
  /** 64 hex digits: the content that is wanted, whatever the publication becomes later. */
  readonly fileId: string;
  readonly sizeBytes: number;
  /** Absent: a file. Of a folder `fileId` and `sizeBytes` are those of its listing. */
  readonly kind?: 'folder';
  /** Of a folder: bytes of its files, as its publisher says. */
  readonly totalBytes?: number;
  /** Of a folder: the path or pattern that is wanted; absent: all. */
  readonly inside?: string;
  /** Of a folder: more bytes than this are refused. */
  readonly mostBytes?: number;
  /** A folder on this disk whose files are copied where they are wanted, instead of fetched. */
  readonly reuse?: string;
  readonly owner: string;
  /** The publication's name, for screens. */
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
  /** Name of the finished file. */
  readonly fileName: string;
  /** Replace a file that is there already. */
  readonly force: boolean;
  /** Somebody else goes on serving the finished file: the tracker is not told that it is gone. */
  readonly keepsSharing?: boolean;
}
