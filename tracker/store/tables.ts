/** The columns of the store, as `migrations.ts` makes them. Times are ms since epoch, ids of rows are local to the store. */
import type { Generated } from 'kysely';
import type { AuditKind, BanKind, LimitName } from '../../common/protocol/admin-messages.js';
import type { Removal } from '../../common/protocol/depot-fields.js';

export interface Tables {
  accounts: {
    id: Generated<number>;
    user: string;
    user_fold: string;
    password_hash: string;
    state: 'active' | 'disabled' | 'removed';
    generation: number;
    /** How many rows the user has in `publications`. */
    publications: number;
    created_at: number;
    is_admin: Generated<number>;
    is_depot: Generated<number>;
    /** How many rows the user has in `paths`. */
    paths: Generated<number>;
  };
  devices: {
    id: Generated<number>;
    account_id: number;
    pin: string;
    /** Null: named by a publication, but its login could not be stored. */
    last_login_at: number | null;
    /** The library revision. */
    revision: number;
    publications: number;
    last_seen_at: number | null;
  };
  publications: {
    /** On SQLite in the order of (published_at, publication_id), see `row-order.ts`. */
    row_id: Generated<number>;
    publication_id: string;
    account_id: number;
    device_id: number;
    name: string;
    fold: string;
    file_id: string;
    size: number;
    kind: 'file' | 'folder';
    revision: number;
    /** 1: everybody may fetch it; 0: only whom `publication_users` and `publication_groups` name, and the owner. */
    is_public: Generated<number>;
    /** PHC string; null: none. */
    passcode_hash: Generated<string | null>;
    expires_at: Generated<number | null>;
    /** Null: as many as like. */
    max_downloads: Generated<number | null>;
    /** 1: with the last download it ends. */
    burns: Generated<number>;
    /** Counted since `max_downloads` was set. */
    downloads: Generated<number>;
    /** Why nobody but the owner sees it any more; who was counted for a burned one still does. */
    ended: Generated<'expired' | 'burned' | null>;
    removal: Generated<Removal>;
    published_at: number;
  };
  folders: {
    folder: Generated<number>;
    publication_id: string;
    account_id: number;
    /** Of its present content, as its owner says. */
    files: number;
    listing_size: number;
    /** How many rows it has in `paths`. */
    paths: number;
    /** The content whose paths are all there; empty while some are missing. */
    described: string;
  };
  paths: { path_id: Generated<number>; folder: number; path: string; fold: string; size: number; file_id: string };
  /** Folders that are gone, some of whose paths are still there. */
  gone_folders: { folder: number };
  publication_users: { row_id: number; account_id: number };
  publication_groups: { row_id: number; group_id: number };
  groups: { id: Generated<number>; name: string; fold: string };
  group_members: { group_id: number; account_id: number };
  outcomes: {
    session: string;
    request_id: string;
    body_hash: string;
    body: string;
    at: number;
    acked_at: number | null;
    /** Folded; empty in rows of older versions. */
    user_fold: Generated<string>;
  };
  ended_sessions: { session: string; at: number };
  revocations: {
    epoch: number;
    kind: 'user' | 'publication' | 'ticket';
    subject: string;
    user: string | null;
    at: number;
  };
  /** On SQLite `row` is the last number that a row of publications was given, `indexed` the last one in the index of names. */
  counters: { name: 'epoch' | 'policy' | 'reload' | 'row' | 'indexed'; value: number };
  tickets: { publication_id: string; device: string; user_fold: string; file_id: string; size: number; at: number };
  /** Who has given the passcode, and when last. */
  unlocks: { row_id: number; account_id: number; at: number };
  /** Whose download was counted, and when. */
  counted_downloads: { row_id: number; account_id: number; at: number };
  bans: { kind: BanKind; fold: string; subject: string; reason: string; until: number | null; at: number };
  limits: { kind: 'user' | 'group'; fold: string; name: LimitName; subject: string; value: number };
  audit: {
    id: Generated<number>;
    at: number;
    kind: AuditKind;
    user: string;
    user_fold: string;
    device: string | null;
    address: string | null;
    subject: string | null;
    detail: string | null;
    proof: string | null;
  };
  copies: {
    copy_id: Generated<number>;
    publication_id: string;
    /** The depot's. */
    device_id: number;
    owner_id: number;
    name: string;
    wanted_file: string | null;
    /** Of `wanted_file`. */
    size: number;
    held_file: string | null;
    held_size: Generated<number>;
    is_full: Generated<number>;
    /** The owner said so. */
    is_named: Generated<number>;
  };
  /** Days since the epoch. */
  relayed: { day: number; user_fold: string; bytes: number };
  removed: { publication_id: string; at: number };
}
