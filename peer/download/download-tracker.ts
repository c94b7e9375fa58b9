import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { PeerConnection } from '../file-port/peer-connection.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One device that has some or all of a publication. */
export interface OfferedSource {
  readonly user: string;
  /** Its pin, 64 hex digits. */
  readonly device: string;
  readonly has: 'all' | 'part';
  /** Best first; only those that may be dialled from here. */
  readonly addresses: readonly Address[];
  /** The publication under which it holds the content, when that is another one than asked for: several users may publish the same. */
  readonly publicationId?: string | undefined;
  /** The ticket for that publication, when tickets were asked for. */
  readonly ticket?: string | undefined;
}

export interface SourcesOfPublication {
  readonly fileId: string;
  /** Bytes; the publisher's claim. */
  readonly size: number;
  readonly revision: number;
  /** When one was asked for. */
  readonly ticket?: string | undefined;
  readonly sources: readonly OfferedSource[];
}

export interface SourcesWish extends AbortOptions {
  readonly ticket: boolean;
  /** The content that is wanted: one that was begun can be had although the publication has another one by now. */
  readonly fileId?: string;
}

export interface HeldTicket {
  readonly text: string;
  readonly ticketId: string;
}

/** What came from a source over one connection. */
export interface OwedReceipt {
  readonly ticket: HeldTicket;
  /** Proven ones. */
  readonly bytes: number;
  /** Others came that were wrong. */
  readonly hasLied: boolean;
}

/** What a download asks of the tracker. Both throw `ProtocolError` with the tracker's code or `PeerError` `tracker-unreachable`. */
export interface DownloadTracker {
  sources(publicationId: string, wish: SourcesWish): Promise<SourcesOfPublication>;
  /** What the publication is now, to be fetched from here on; undefined when it is withdrawn. */
  latest?(publicationId: string, options: AbortOptions): Promise<{ fileId: string; size: number } | undefined>;
  hold(publicationId: string, fileId: string, has: 'all' | 'part' | 'none', options: AbortOptions): Promise<void>;
  /** Who fetched what from whom is signed and told; resolves when the connection is not needed for it any more. Never rejects. */
  receipt?(connection: PeerConnection, owed: OwedReceipt): Promise<void>;
}
