/** What a peer needs to read files and folders, put together: hashing them, reading folders, finding files in them by content, and watching them. */
import type { Clock } from '../common/runtime/clock.js';
import type { Lifecycle } from '../common/runtime/lifecycle.js';
import type { LocalFolders } from './download/folder/local-folder.js';
import { FolderWatcher } from './library/folder-watcher.js';
import { FolderIndex } from './library/folders/folder-index.js';
import { Folders } from './library/folders/folders.js';
import { FileHasher } from './library/hashing/hash-file.js';
import type { Library } from './library/library.js';
import type { Publisher } from './library/publisher.js';

export function localFolders(folders: Folders, index: FolderIndex): LocalFolders {
  return {
    read: async (root, options) => {
      await folders.learn(root, options);
      return {
        at: (path) => index.at(root, path),
        find: (fileId) => index.find(root, fileId),
        files: () => index.files(root),
      };
    },
  };
}

export class FolderParts {
  readonly hasher: FileHasher;
  readonly folders: Folders;
  readonly index: FolderIndex;
  #watcher: FolderWatcher | undefined;

  constructor(
    stateDir: string,
    private readonly clock: Clock,
    private readonly lifecycle: Lifecycle,
  ) {
    this.hasher = new FileHasher({ clock });
    lifecycle.defer(() => this.hasher.close());
    this.folders = new Folders({ stateDir, hasher: this.hasher, clock });
    lifecycle.defer(() => this.folders.close());
    this.index = new FolderIndex(stateDir, clock);
    lifecycle.defer(() => this.index.close());
  }

  /** What the publisher reads with. */
  get readers(): { readonly hasher: FileHasher; readonly folders: Folders } {
    return { hasher: this.hasher, folders: this.folders };
  }

  /** For downloads that bring a folder up to date. */
  get local(): LocalFolders {
    return localFolders(this.folders, this.index);
  }

  /** From now on watched folders are kept published as they are. */
  watch(library: Library, publisher: Publisher): void {
    const { clock, lifecycle } = this;
    this.#watcher = lifecycle.add(
      new FolderWatcher({
        library,
        rescan: (name, options) => {
          // It was renamed: the folder is watched under its new name from here on.
          if (library.byName(name) === undefined) this.update();
          return publisher.rescan(name, options);
        },
        clock,
      }),
    );
    this.update();
  }

  /** Something was published or withdrawn. */
  update(): void {
    this.#watcher?.update();
  }
}
