/**
 * What a depot's downloads ask of the tracker. Only sources of the publication itself: were others of the same content asked too, whoever
 * merely knows an id could publish it, have it stored, and fetch what was never shared with him.
 */
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type {
  DownloadTracker,
  OfferedSource,
  OwedReceipt,
  SourcesOfPublication,
} from '../download/download-tracker.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import { dialable } from '../reach/addresses.js';
import type { FetchReceipts } from '../receipts/fetch-receipts.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';

export class DepotTracker implements DownloadTracker {
  readonly #tracker: Pick<TrackerClient, 'request'>;
  /** Where the tracker sees us. */
  readonly #observedHost: () => string;
  readonly #receipts: Pick<FetchReceipts, 'settle'> | undefined;

  constructor(
    tracker: Pick<TrackerClient, 'request'>,
    observedHost: () => string,
    receipts?: Pick<FetchReceipts, 'settle'>,
  ) {
    this.#tracker = tracker;
    this.#observedHost = observedHost;
    this.#receipts = receipts;
  }

  async receipt(connection: PeerConnection, owed: OwedReceipt): Promise<void> {
    await this.#receipts?.settle(connection, owed);
  }

  async sources(
    publicationId: string,
    { ticket, signal }: { readonly ticket: boolean } & AbortOptions,
  ): Promise<SourcesOfPublication> {
    const first = await this.#tracker.request('sources', { publicationId, ticket }, { signal });
    const sources: OfferedSource[] = [];
    for (let page = first; ; ) {
      sources.push(
        ...page.sources.map((source) => ({ ...source, addresses: dialable(source.addresses, this.#observedHost()) })),
      );
      if (page.cursor === undefined) break;
      const next = { publicationId, ticket: false, cursor: page.cursor };
      page = await this.#tracker.request('sources', next, { signal });
    }
    const { fileId, size, revision, ticket: text } = first;
    return { fileId, size, revision, sources, ...(text === undefined ? {} : { ticket: text }) };
  }

  /** A depot is a source when all of it is stored; it says so by `stored`. */
  async hold(): Promise<void> {
    await Promise.resolve();
  }
}
