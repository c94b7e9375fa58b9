/** The library as the upload side sees it: which file stands behind a publication or an id. */
import { chunkSizeFor } from '../common/content/chunk-size.js';
import type { Library, LibraryEntry } from './library/library.js';
import type { SharedFile, SharedFiles } from './upload/shared-file.js';

export function sharedLibrary(library: Library): SharedFiles {
  const shared = (entry: LibraryEntry | undefined): SharedFile | undefined => {
    if (entry === undefined || entry.state === 'withdrawing') return undefined;
    const { publicationId, fileId, name, path, sizeBytes: size, identity } = entry;
    return {
      publicationId,
      fileId,
      name,
      path,
      size,
      identity,
      manifest: () => ({ size, chunkSize: chunkSizeFor(size), hashes: library.hashes(name) }),
      have: () => 'all',
    };
  };
  return {
    find(publicationId, fileId) {
      const entry = library.byPublication(publicationId);
      return entry?.fileId === fileId ? shared(entry) : undefined;
    },
    findFile: (fileId) => shared(library.byFileId(fileId)),
  };
}
