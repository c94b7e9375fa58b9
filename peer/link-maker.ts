/** `link`, `links`, `unlink`: sealed URLs for files that this peer serves. */
import { type CommandInput, type LinkInfo, type MadeLink, PeerError } from './api.js';
import type { Library } from './library/library.js';
import type { Links } from './links/links.js';

const DEFAULT_LIFE_MS = 24 * 3_600_000;

export interface LinkMakerOptions {
  readonly links: Links;
  readonly library: Library;
  /** Where others reach the file port. */
  readonly reachedAt: () => { readonly host: string; readonly port: number; readonly pin: string };
}

export class LinkMaker {
  readonly #options: LinkMakerOptions;

  constructor(options: LinkMakerOptions) {
    this.#options = options;
  }

  async make({ selector, expiresInMs = DEFAULT_LIFE_MS }: CommandInput<'link'>): Promise<MadeLink> {
    const { library, links, reachedAt } = this.#options;
    const entry = selector.startsWith('id:') ? entryById(library, selector) : library.byName(selector);
    if (entry === undefined || entry.state === 'withdrawing') {
      throw new PeerError({
        code: 'not-found',
        message: `This peer does not publish ${selector}. Publish it first with pub, or see what there is with lpf.`,
      });
    }
    if (entry.kind === 'folder')
      throw new PeerError({
        code: 'is-directory',
        message: `A link is for one file, and ${selector} has many. Publish the one you mean by itself, then link it.`,
      });
    return links.make({
      fileId: entry.fileId,
      publicationId: entry.publicationId,
      name: entry.name,
      expiresInMs,
      ...reachedAt(),
    });
  }

  list(): LinkInfo[] {
    return this.#options.links.list();
  }

  revoke(linkId: string): Promise<LinkInfo> {
    return this.#options.links.revoke(linkId);
  }
}

function entryById(library: Library, selector: string): ReturnType<Library['byFileId']> {
  const prefix = selector.slice(3).toLowerCase();
  return prefix.length >= 16 ? library.byIdPrefix(prefix) : undefined;
}
