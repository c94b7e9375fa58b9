import type { Request, RequestType } from '../../common/protocol/messages.js';
import { PeerError } from '../../peer/api.js';

interface Known {
  fileId: string;
  revision: number;
}

/** The tracker's rules for `publish` and `unpublish`, with a wire that can be cut before or after it applies them. */
export class TrackerModel {
  readonly byName = new Map<string, Known>();
  /** Names of each request to publish. */
  readonly told: string[][] = [];
  revision = 0;
  cut: 'never' | 'before' | 'after' = 'never';

  request = async (type: RequestType, body: object): Promise<never> => {
    if (this.cut === 'before') throw unreachable();
    const reply =
      type === 'publish' ? this.#publish(body as Request<'publish'>) : this.#unpublish(body as Request<'unpublish'>);
    if (this.cut === 'after') throw unreachable();
    return reply as never;
  };

  #publish({ entries }: Pick<Request<'publish'>, 'entries'>): object {
    this.told.push(entries.map(({ name }) => name));
    const results = entries.map(({ name, fileId, replace }) => {
      const known = this.byName.get(name);
      if (known !== undefined && known.fileId !== fileId && replace !== true) {
        return { ok: false, error: { code: 'name-taken', message: '' } };
      }
      const change = known === undefined ? 'new' : known.fileId === fileId ? 'unchanged' : 'replaced';
      const revision = (known?.revision ?? 0) + (change === 'unchanged' ? 0 : 1);
      if (change !== 'unchanged') this.revision += 1;
      this.byName.set(name, { fileId, revision });
      return { ok: true, publicationId: `publication-of-${name}`.padEnd(21, '_').slice(0, 21), revision, change };
    });
    return { results, libraryRevision: this.revision };
  }

  #unpublish({ names }: Pick<Request<'unpublish'>, 'names'>): object {
    const results = names.map((name) => {
      if (!this.byName.delete(name)) return { ok: false, error: { code: 'not-found', message: '' } };
      this.revision += 1;
      return { ok: true, publicationId: `publication-of-${name}`.padEnd(21, '_').slice(0, 21) };
    });
    return { results, libraryRevision: this.revision };
  }
}

export function unreachable(): PeerError {
  return new PeerError({ code: 'tracker-unreachable', message: 'Tracker not responding.' });
}
