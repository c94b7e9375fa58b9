/**
 * What the download engine asks of the tracker. Several users may publish the same content: their publications are looked up together,
 * each source with the ticket of its own publication.
 */

import { safeDisplay } from '../common/content/safe-display.js';
import type { Publication, ReplyBody } from '../common/protocol/messages.js';
import type { AbortOptions } from '../common/runtime/deadline.js';
import { PeerError, type PublicationRow } from './api.js';
import type {
  DownloadTracker,
  OfferedSource,
  OwedReceipt,
  SourcesOfPublication,
  SourcesWish,
} from './download/download-tracker.js';
import type { PeerConnection } from './file-port/peer-connection.js';
import { dialable } from './reach/addresses.js';
import type { FetchReceipts } from './receipts/fetch-receipts.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

type ListedSource = ReplyBody<'sources'>['sources'][number];

/** Publications of one content that a download draws from. */
const MAX_TWINS = 8;
/** Sources of one publication that are asked for: several times as many as are used at once. */
const MAX_SOURCES = 64;

export class DownloadSources implements DownloadTracker {
  readonly #tracker: Pick<TrackerClient, 'request'>;
  /** Where the tracker sees us. */
  readonly #observedHost: () => string;
  readonly #receipts: Pick<FetchReceipts, 'settle'> | undefined;
  /** In memory alone: a download that lasts for days must not ask again each day. */
  readonly #passcodeByPublication = new Map<string, string>();

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

  /**
   * Shows the passcode of a locked publication to the tracker; without one it may have been given lately.
   * @throws {PeerError} `passcode-needed`, `wrong-passcode`, `too-many`, `used-up`.
   */
  async unlock(
    { publicationId, fileId, name }: Pick<PublicationRow, 'publicationId' | 'fileId' | 'name'>,
    passcode: string | undefined,
    { signal }: AbortOptions,
  ): Promise<void> {
    if (passcode !== undefined) this.#passcodeByPublication.set(publicationId, passcode);
    try {
      await this.#one(publicationId, { ticket: true, fileId, signal });
    } catch (error) {
      if (!(error instanceof PeerError) || !isAboutPasscode(error)) throw error;
      throw new PeerError({ code: error.code, message: passcodeText(error, safeDisplay(name)) }, { cause: error });
    }
  }

  async sources(publicationId: string, wish: SourcesWish): Promise<SourcesOfPublication> {
    const { fileId } = wish;
    const own = await this.#one(publicationId, wish).catch((error: unknown) => {
      if (fileId !== undefined && error instanceof PeerError && error.code === 'not-found') return undefined;
      throw error;
    });
    const wanted = fileId ?? own?.fileId ?? '';
    const twins = await this.#twins(publicationId, { ...wish, fileId: wanted });
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

  async latest(publicationId: string, { signal }: AbortOptions): Promise<{ fileId: string; size: number } | undefined> {
    try {
      const { fileId, size } = await this.#tracker.request('sources', { publicationId, ticket: false }, { signal });
      return { fileId, size };
    } catch (error) {
      if (error instanceof PeerError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  async hold(
    publicationId: string,
    fileId: string,
    has: 'all' | 'part' | 'none',
    { signal }: AbortOptions,
  ): Promise<void> {
    await this.#tracker.request('hold', { publicationId, fileId, has }, { signal });
  }

  async #one(publicationId: string, { ticket, fileId, signal }: SourcesWish): Promise<SourcesOfPublication> {
    const passcode = ticket ? this.#passcodeByPublication.get(publicationId) : undefined;
    const request = { publicationId, ticket, ...(fileId && { fileId }), ...(passcode && { passcode }) };
    const reply = await this.#tracker.request('sources', request, { signal }).catch((error: unknown) => {
      // It was changed: who asks again must not go on guessing with the old one.
      if (error instanceof PeerError && error.code === 'wrong-passcode')
        this.#passcodeByPublication.delete(publicationId);
      throw error;
    });
    const { publicationId: _, ticket: text, cursor, sources: first, ...rest } = reply;
    const sources = [...first, ...(await this.#more(publicationId, cursor, { fileId, known: first.length, signal }))];
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

  /** The pages behind the first: one datagram names only a few, and the only one with everything may be the last. */
  async #more(
    publicationId: string,
    start: string | undefined,
    { fileId, known, signal }: AbortOptions & { readonly fileId: string | undefined; readonly known: number },
  ): Promise<ListedSource[]> {
    const found: ListedSource[] = [];
    for (let cursor = start; cursor !== undefined && known + found.length < MAX_SOURCES; ) {
      const request = { publicationId, ticket: false, ...(fileId && { fileId }), cursor };
      const page = await this.#tracker.request('sources', request, { signal });
      found.push(...page.sources);
      cursor = page.cursor;
    }
    return found;
  }

  async #twins(
    except: string,
    { fileId, ticket, signal }: SourcesWish & { readonly fileId: string },
  ): Promise<SourcesOfPublication[]> {
    const { publications } = await this.#tracker.request(
      'search',
      { text: '', idPrefix: fileId, mine: true },
      { signal },
    );
    const others = publications.filter((one) => one.publicationId !== except && isFree(one)).slice(0, MAX_TWINS);
    const found = await Promise.allSettled(
      others.map(({ publicationId }) => this.#one(publicationId, { ticket, signal })),
    );
    signal.throwIfAborted();
    return found.flatMap((result) =>
      result.status === 'fulfilled' && result.value.fileId === fileId ? [result.value] : [],
    );
  }
}

/**
 * Attacker: who knows the id of somebody's restricted content, publishes it under a tempting name, and waits for those who may fetch
 * the other publication: they would draw its bytes from there and pass them on under his. So only what everybody may fetch is drawn
 * from beside the publication that was asked for; a counted download must not be used up that way either.
 */
function isFree({ rights, locked, downloads }: Publication): boolean {
  return rights === 'public' && locked === undefined && downloads === undefined;
}

function passcodeText({ code }: PeerError, name: string): string {
  return code === 'wrong-passcode'
    ? `It does not open ${name}. Ask the owner for the right one.`
    : `Passcode needed for ${name}. Give it with --passcode-file FILE or SHOAL_PASSCODE, or in a terminal.`;
}

function isAboutPasscode({ code }: PeerError): boolean {
  return code === 'passcode-needed' || code === 'wrong-passcode';
}

/** One device may offer the content under several publications; one connection to it is enough. */
function firstOfEachDevice(sources: readonly OfferedSource[]): OfferedSource[] {
  const byDevice = new Map<string, OfferedSource>();
  for (const source of sources) if (!byDevice.has(source.device)) byDevice.set(source.device, source);
  return [...byDevice.values()];
}
