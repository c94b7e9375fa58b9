// Folders for transfer tests: made on the disk, read as the library does it, and served beside the files of `swarm-fixture.ts`.
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { folderIdOf, manifestOfBytes } from '../../common/content/manifest.js';
import { systemClock } from '../../common/runtime/clock.js';
import type { DownloadRequest } from '../../peer/download/download-request.js';
import type { LocalFolders } from '../../peer/download/folder/local-folder.js';
import { localFolders } from '../../peer/folder-parts.js';
import { FolderIndex } from '../../peer/library/folders/folder-index.js';
import { Folders } from '../../peer/library/folders/folders.js';
import { FileHasher } from '../../peer/library/hashing/hash-file.js';
import { Library } from '../../peer/library/library.js';
import { sharedLibrary } from '../../peer/shared-library.js';
import type { SharedFile, SharedFiles } from '../../peer/upload/shared-file.js';
import { type Publication, requestFor, type World } from './swarm-fixture.js';

const forever = { signal: new AbortController().signal };

/** One user's folders: the library, its table, and what an upload needs of them. */
export class FolderHome {
  readonly library: Library;
  readonly folders: Folders;
  readonly index: FolderIndex;
  readonly files: SharedFiles;

  private constructor(stateDir: string, hasher: FileHasher) {
    this.library = new Library(join(stateDir, 'library.sqlite'));
    this.folders = new Folders({ stateDir, hasher, clock: systemClock });
    this.index = new FolderIndex(stateDir);
    this.files = sharedLibrary(this.library, this.index);
  }

  static async open(world: World, user: string): Promise<FolderHome> {
    const stateDir = world.dir.join(`${user}-state`);
    await mkdir(stateDir, { recursive: true });
    const hasher = new FileHasher({ threads: 1 });
    const home = new FolderHome(stateDir, hasher);
    world.onEnd(async () => {
      await home.folders.close();
      await home.index.close();
      await hasher.close();
      home.library.close();
    });
    return home;
  }

  /** Reads the folder at `root` and records it as published under `publicationId`. */
  async publish(root: string, publicationId: string): Promise<Publication> {
    const { folderId, file, files, bytes, ...manifest } = await this.folders.scan(root, forever);
    const folder = { listing: file, files, bytes, isWatched: false };
    const hashed = { ...manifest, fileId: folderId };
    this.library.put(basename(root), root, { ...hashed, folder });
    this.library.settle({ name: basename(root), fileId: folderId, state: 'pending' }, publicationId, 1);
    return { publicationId, fileId: folderId, size: manifest.size, name: basename(root), path: root, hashed };
  }

  /** What this user has already. */
  get local(): LocalFolders {
    return localFolders(this.folders, this.index);
  }
}

export interface Tree {
  readonly [path: string]: string | Uint8Array;
}

export async function writeTree(root: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

/** Every file below `root` by path, with its content, and `x` in front of executable ones. */
export async function readTree(root: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const isExecutable = ((await stat(path)).mode & 0o100) !== 0;
    const content = await readFile(path);
    tree.set(path.slice(root.length + 1), `${isExecutable ? 'x ' : ''}${content.toString('base64')}`);
  }
  return new Map([...tree].sort());
}

export function folderRequest(
  publication: Publication,
  directory: string,
  changes: Partial<DownloadRequest> = {},
): DownloadRequest {
  return { ...requestFor(publication, directory), kind: 'folder', totalBytes: 0, ...changes };
}

/** A folder whose listing a test wrote by hand, and whose files nobody has. */
export async function handmade(
  world: World,
  lines: readonly string[],
): Promise<{ publication: Publication; shared: SharedFile }> {
  const listing = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const path = world.dir.join('handmade.list');
  await writeFile(path, listing);
  const manifest = manifestOfBytes(listing);
  const publication: Publication = {
    ...{
      publicationId: 'handmade_____________',
      fileId: folderIdOf(manifest),
      size: listing.length,
      name: 'evil',
      path,
    },
    hashed: undefined as never,
  };
  const shared: SharedFile = {
    ...publication,
    manifest: () => manifest,
    have: () => 'all',
    folder: { find: () => [], readFiles: async () => ({ bytes: new Uint8Array(), count: 0, problem: 'not-found' }) },
  };
  return { publication, shared };
}
