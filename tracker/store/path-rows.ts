/** Files inside folders, as the store keeps and finds them. */
import type { PathEntry } from '../../common/protocol/folder-fields.js';
import type { PublicationRow, RowKey } from './store.js';

/** The part of the store that knows them. */
export interface PathStore {
  /** Files inside folders; order: as `search`, then as the paths of one folder came. */
  searchPaths(query: PathQuery): Promise<PathPage>;
  /** Removes some paths of folders that are gone; true when there are more. */
  sweepPaths(): Promise<boolean>;
}

export interface PathsChange {
  readonly type: 'paths';
  readonly user: string;
  readonly publicationId: string;
  readonly fileId: string;
  /** Forget what was said before. */
  readonly start: boolean;
  readonly put: readonly PathEntry[];
  readonly drop: readonly string[];
  readonly end: boolean;
  readonly quota: number;
}

/** `refused`: nothing of the request was taken. */
export interface PathsOutcome {
  readonly refused?: 'not-found' | 'changed' | 'quota';
}

export interface PathQuery {
  readonly viewer: string;
  readonly text: string;
  readonly ignoreCase: boolean;
  readonly liveOnly: boolean;
  readonly exceptUser?: string | undefined;
  readonly owner?: string | undefined;
  readonly limit: number;
  readonly after?: PathKey | undefined;
}

export interface PathKey extends RowKey {
  readonly pathId: number;
}

/** A file inside a folder, and the folder. */
export interface PathRow extends PublicationRow, PathKey {
  readonly path: string;
  readonly fileSize: number;
  readonly pathFileId: string;
}

export interface PathPage {
  readonly rows: readonly PathRow[];
  readonly next: PathKey | undefined;
  readonly isPartial: boolean;
}
