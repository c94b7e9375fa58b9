/** The library as the upload side sees it: which file stands behind a publication or an id. */
import { join } from 'node:path';

import { chunkSizeFor } from '../common/content/chunk-size.js';
import { ProtocolError } from '../common/protocol/errors.js';
import type { FolderIndex } from './library/folders/folder-index.js';
import type { Content, Library } from './library/library.js';
import type { SharedFile, SharedFiles, SharedFolder } from './upload/shared-file.js';

/** `nameOf` makes the shown name of the library's own. */
export function sharedLibrary(
  library: Library,
  folders?: FolderIndex,
  nameOf: (name: string) => string = (name) => name,
): SharedFiles {
  const shared = (entry: Content): SharedFile => {
    const content = { ...entry, name: nameOf(entry.name) };
    const { publicationId, fileId, name, path, sizeBytes: size, identity, listing } = content;
    return {
      publicationId,
      fileId,
      name,
      path: listing ?? path,
      size,
      identity,
      ...(listing === undefined || folders === undefined ? {} : { folder: sharedFolder(content, folders) }),
      manifest: () => {
        const hashes = library.hashes(fileId);
        if (hashes === undefined) throw new ProtocolError('gone'); // withdrawn meanwhile: an empty list would be a lie
        return { size, chunkSize: chunkSizeFor(size), hashes };
      },
      have: () => 'all',
    };
  };
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

function sharedFolder({ publicationId, name, path: root }: Content, folders: FolderIndex): SharedFolder {
  return {
    find: (fileId) =>
      folders.find(root, fileId).map(({ path, size, identity, hashes = new Uint8Array(0) }) => ({
        publicationId,
        fileId,
        name: `${name}/${path}`,
        path: join(root, path),
        size,
        identity,
        manifest: () => ({ size, chunkSize: chunkSizeFor(size), hashes }),
        // Files of one chunk are asked for as a whole.
        have: () => (hashes.length > 0 ? 'all' : []),
      })),
    readFiles: (fileIds) => folders.read(root, fileIds),
  };
}
