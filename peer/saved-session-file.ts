/** A session on disk, so that a restart or a crash needs no password. Mode 0600, beside the library. */
import { readFileSync, rmSync } from 'node:fs';

import { writeFileDurably } from '../common/runtime/files.js';
import type { SavedSession } from './tracker-client/session-keys.js';

export class SavedSessionFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined when there is none, or none that can be read: then the password is asked for. */
  async read(): Promise<SavedSession | undefined> {
    await this.#writing;
    try {
      const value = JSON.parse(readFileSync(this.#path, 'utf8')) as Partial<Record<keyof SavedSession, unknown>>;
      const { user, session, resumeToken, resumeKey } = value;
      if ([user, session, resumeToken, resumeKey].every((field) => typeof field === 'string'))
        return value as SavedSession;
      return undefined;
    } catch {
      return undefined; // missing, or torn by a crash
    }
  }

  /** Resolves when it is on the disk; several at once are written in order. A failure costs a password prompt, nothing else. */
  write(saved: SavedSession): Promise<void> {
    this.#writing = this.#writing
      .then(() => writeFileDurably(this.#path, JSON.stringify(saved), 0o600))
      .catch(() => undefined);
    return this.#writing;
  }

  async remove(): Promise<void> {
    await this.#writing;
    rmSync(this.#path, { force: true });
  }
}
