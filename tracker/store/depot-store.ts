/** What the store keeps of depots and stored copies: a part of `Store`, with its guarantees. */
import type { CopyRow, Removal, WorkRow } from '../../common/protocol/depot-fields.js';
import type { DeviceKey, PublicationRow, RowKey } from './store.js';

export interface DepotStore {
  /** Whether the account may run a depot. False: no such user. Tickets of one that may not any more are revoked; nothing else changes. */
  appointDepot(user: string, isDepot: boolean, at: number): Promise<boolean>;
  isDepot(user: string): Promise<boolean>;
  /** Whole copies that the depot has of what their publications are now. */
  heldCopies(depot: DeviceKey): Promise<HeldCopy[]>;
  /** What the depot has to do, or, with `all`, everything that concerns it; in the order of `copyId`. */
  depotWork(
    list: DeviceKey & { readonly all: boolean; readonly limit: number; readonly after: number },
  ): Promise<DepotWork[]>;
  /** Copies of these publications that are `viewer`'s own, in their order. */
  copiesOf(publicationIds: readonly string[], viewer: string): Promise<CopyRow[][]>;
  /** Undefined unless the depot is to have a copy of it: then it may fetch it, whatever the rights of its user. */
  findForDepot(publicationId: string, depot: DeviceKey): Promise<PublicationRow | undefined>;
  /** Publications with one known holder, or whose holders were all last seen before `unseenBefore`; newest first. */
  atRisk(query: AtRiskQuery): Promise<RiskRow[]>;
}

export interface PutChange {
  readonly type: 'put';
  readonly user: string;
  readonly names: readonly string[];
  /** Those that are online and appointed, one device each. */
  readonly depots: readonly OfferedDepot[];
  /** Only these, each one copy. */
  readonly named: readonly string[] | undefined;
  /** Copies wanted in all. */
  readonly copies: number;
  readonly removal: Removal | undefined;
  /** Bytes that the copies of one owner may have together. */
  readonly quotaBytes: number;
}

export interface DelChange {
  readonly type: 'del';
  readonly user: string;
  readonly publicationId: string;
  readonly provenHash: string | undefined;
}

export interface StoredChange extends DeviceKey {
  readonly type: 'stored';
  readonly publicationId: string;
  readonly fileId: string;
  readonly has: 'all' | 'none' | 'full';
}

export interface OfferedDepot extends DeviceKey {
  /** Bytes. */
  readonly capacity: number;
}

export interface HeldCopy {
  readonly publicationId: string;
  readonly fileId: string;
}

export interface DepotWork extends WorkRow {
  readonly copyId: number;
}

export interface AtRiskQuery {
  readonly viewer: string;
  readonly mine: boolean;
  readonly unseenBefore: number;
  readonly limit: number;
  readonly after?: RowKey | undefined;
}

export interface RiskRow extends PublicationRow {
  /** Its publisher's device and whole copies in depots. */
  readonly holders: number;
}
