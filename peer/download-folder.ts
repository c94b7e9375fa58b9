/** Where downloads go that name no folder: what the settings say, else what `dir` chose last, else the usual place. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { writeFileDurably } from '../common/runtime/files.js';
import { PeerError } from './api.js';

export interface DownloadFolderOptions {
  /** The choice is kept here, in `download-folder.json`. */
  readonly stateDir: string;
  /** From the settings: goes before an earlier choice. Absolute, as all. */
  readonly configured?: string | undefined;
  /** Made when it is needed. */
  readonly usual: string;
}

export class DownloadFolder {
  readonly #file: string;
  #chosen: string | undefined;

  constructor(private readonly options: DownloadFolderOptions) {
    this.#file = join(options.stateDir, 'download-folder.json');
    this.#chosen = options.configured;
  }

  /** Reads what an earlier run was told; a file that cannot be understood counts as none. */
  async load(): Promise<void> {
    if (this.#chosen !== undefined) return;
    try {
      const { directory } = JSON.parse(await readFile(this.#file, 'utf8')) as { directory?: unknown };
      if (typeof directory === 'string' && isAbsolute(directory)) this.#chosen = directory;
    } catch {
      // None yet, or torn: the usual place is right.
    }
  }

  get path(): string {
    return this.#chosen ?? this.options.usual;
  }

  /** The folder, which exists then. @throws {PeerError} `unwritable`; one that was chosen is never made anew: a disk may be missing. */
  async ready(): Promise<string> {
    // A folder that could not be made is told of below, by what is at its place.
    if (this.#chosen === undefined) await mkdir(this.options.usual, { recursive: true }).catch(() => undefined);
    await requireFolder(this.path);
    return this.path;
  }

  /** From now on, and in later runs. @throws {PeerError} `unwritable`. */
  async change(directory: string): Promise<void> {
    if (!isAbsolute(directory)) throw new PeerError({ code: 'usage', message: `${directory} is no absolute path.` });
    await requireFolder(directory);
    this.#chosen = directory;
    await writeFileDurably(this.#file, `${JSON.stringify({ directory })}\n`, 0o600);
  }
}

/** @throws {PeerError} `unwritable` saying what is there instead. */
export async function requireFolder(directory: string): Promise<void> {
  const isFolder = await stat(directory).then(
    (stats) => stats.isDirectory(),
    () => undefined,
  );
  if (isFolder === true) return;
  const what = isFolder === undefined ? 'does not exist. Make it first, or choose' : 'is not a folder. Choose';
  const message = `${directory} ${what} another with --downloads, or dir FOLDER.`;
  throw new PeerError({ code: 'unwritable', message });
}
