/** The library as the upload side sees it: which file stands behind a publication or an id. */
import { chunkSizeFor } from '../common/content/chunk-size.js';
import { ProtocolError } from '../common/protocol/errors.js';
import type { Content, Library } from './library/library.js';
import type { SharedFile, SharedFiles } from './upload/shared-file.js';

export function sharedLibrary(library: Library): SharedFiles {
  const shared = ({ publicationId, fileId, name, path, sizeBytes: size, identity }: Content): SharedFile => ({
    publicationId,
    fileId,
    name,
    path,
    size,
    identity,
    manifest: () => {
      const hashes = library.hashes(fileId);
      if (hashes === undefined) throw new ProtocolError('gone'); // withdrawn meanwhile: an empty list would be a lie
      return { size, chunkSize: chunkSizeFor(size), hashes };
    },
    have: () => 'all',
  });
  return {
    find(publicationId, fileId) {
      const entry = library.byPublication(publicationId);
      if (entry === undefined || entry.state === 'withdrawing') return undefined;
      if (entry.fileId === fileId) return shared(entry);
      const former = library.former(publicationId, fileId);
      return former && { ...shared(former), isFormer: true };
    },
    findFile(fileId) {
      const entry = library.byFileId(fileId);
      return entry === undefined || entry.state === 'withdrawing' ? undefined : shared(entry);
    },
  };
}
