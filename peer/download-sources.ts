/**
 * What the download engine asks of the tracker. Several users may publish the same content: their publications are looked up together,
 * each source with the ticket of its own publication.
 */
import type { AbortOptions } from '../common/runtime/deadline.js';
import { PeerError } from './api.js';
import type { DownloadTracker, OfferedSource, SourcesOfPublication } from './download/download-tracker.js';
import { dialable } from './reach/addresses.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

/** Publications of one content that a download draws from. */
const MAX_TWINS = 8;

export class DownloadSources implements DownloadTracker {
  readonly #tracker: Pick<TrackerClient, 'request'>;
  /** Where the tracker sees us. */
  readonly #observedHost: () => string;
  /** So that a download goes on from its twins when its own publication was withdrawn. */
  readonly #fileIdByPublication = new Map<string, string>();

  constructor(tracker: Pick<TrackerClient, 'request'>, observedHost: () => string) {
    this.#tracker = tracker;
    this.#observedHost = observedHost;
  }

  /** Tells which content a publication had when it was chosen. */
  remember(publicationId: string, fileId: string): void {
    this.#fileIdByPublication.set(publicationId, fileId);
  }

  async sources(
    publicationId: string,
    { ticket, signal }: { readonly ticket: boolean } & AbortOptions,
  ): Promise<SourcesOfPublication> {
    const fileId = this.#fileIdByPublication.get(publicationId);
    const own = await this.#one(publicationId, ticket, { signal }).catch((error: unknown) => {
      if (fileId !== undefined && error instanceof PeerError && error.code === 'not-found') return undefined;
      throw error;
    });
    const wanted = fileId ?? own?.fileId ?? '';
    const twins = await this.#twins(wanted, publicationId, ticket, { signal });
    const all = own !== undefined && own.fileId === wanted ? [own, ...twins] : twins;
    const first = all[0] ?? own;
    if (first === undefined)
      throw new PeerError({
        code: 'not-found',
        message: 'The publication was withdrawn, and nobody else has the file.',
      });
    const { ticket: _, ...rest } = first; // each source carries the ticket of its own publication
    return { ...rest, sources: firstOfEachDevice(all.flatMap((one) => one.sources)) };
  }

  async hold(
    publicationId: string,
    fileId: string,
    has: 'all' | 'part' | 'none',
    { signal }: AbortOptions,
  ): Promise<void> {
    await this.#tracker.request('hold', { publicationId, fileId, has }, { signal });
  }

  async #one(publicationId: string, ticket: boolean, { signal }: AbortOptions): Promise<SourcesOfPublication> {
    const {
      publicationId: _,
      ticket: text,
      cursor: __,
      sources,
      ...rest
    } = await this.#tracker.request('sources', { publicationId, ticket }, { signal });
    const own = text === undefined ? { publicationId } : { publicationId, ticket: text };
    return {
      ...rest,
      ...(text === undefined ? {} : { ticket: text }),
      sources: sources.map((source) => ({
        ...source,
        ...own,
        addresses: dialable(source.addresses, this.#observedHost()),
      })),
    };
  }

  async #twins(
    fileId: string,
    except: string,
    ticket: boolean,
    { signal }: AbortOptions,
  ): Promise<SourcesOfPublication[]> {
    const { publications } = await this.#tracker.request(
      'search',
      { text: '', idPrefix: fileId, mine: true },
      { signal },
    );
    const others = publications.filter((publication) => publication.publicationId !== except).slice(0, MAX_TWINS);
    const found = await Promise.allSettled(
      others.map(({ publicationId }) => this.#one(publicationId, ticket, { signal })),
    );
    signal.throwIfAborted();
    return found.flatMap((result) =>
      result.status === 'fulfilled' && result.value.fileId === fileId ? [result.value] : [],
    );
  }
}

/** One device may offer the content under several publications; one connection to it is enough. */
function firstOfEachDevice(sources: readonly OfferedSource[]): OfferedSource[] {
  const byDevice = new Map<string, OfferedSource>();
  for (const source of sources) if (!byDevice.has(source.device)) byDevice.set(source.device, source);
  return [...byDevice.values()];
}
