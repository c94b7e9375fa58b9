import type { Part } from '../../common/runtime/lifecycle.js';

/**
 * What the nodes of one tracker tell one another through their store. A node writes its own rows alone, in one order, and reads what
 * others have written since it looked last. Losing all of it loses nothing: nodes tell it again.
 */
export interface NodeStore {
  /** Joins under a name never used before. @throws {StoreError} `other-keys` when the nodes that were here first have other keys. */
  join(node: NodeFacts, keys: Readonly<Record<string, string>>): Promise<void>;
  /** Writes what has changed, and that the node lives. False: it is not known any more, and must join anew and tell everything. */
  tell(node: string, news: OwnNews): Promise<boolean>;
  /** What others have written behind what was heard of each. */
  hear(node: string, heard: ReadonlyMap<string, Heard>): Promise<NodeNews[]>;
  /** The one serving session of this user is here: a number above all before it. Undefined: it is at another node that lives. */
  claim(slot: { readonly user: string; readonly session: string; readonly node: string }): Promise<number | undefined>;
  leave(node: string): Promise<void>;
  /**
   * Calls `onNews` soon after another node has sent messages, or somebody has decided what all nodes must know. It may be missed and it
   * may be for nothing: whoever listens looks by itself as well. `from` is the node that has sent messages; undefined: all should look.
   * The caller stops what it returns.
   */
  listen(onNews: (from: string | undefined) => void): Part;
}

export interface NodeFacts {
  readonly node: string;
  /** Where peers find it; undefined: nobody knows. */
  readonly host: string | undefined;
  readonly port: number;
}

export interface OwnNews {
  /** Of these changes; above all before. */
  readonly version: number;
  readonly sessions: readonly SessionNews[];
  readonly holds: readonly HoldNews[];
  /** Numbered on from `message`, without a gap. */
  readonly messages: readonly string[];
  /** The number of the last message before these. */
  readonly message: number;
  readonly hasSearches: boolean;
  /** Users whose session here serves no more. */
  readonly freed: readonly string[];
  /** Changes up to this version were heard by everybody who lives. */
  readonly purge: number;
}

/** `facts` null: it is gone. */
export interface SessionNews {
  readonly session: string;
  readonly facts: string | null;
}

export interface HoldNews {
  readonly session: string;
  readonly publicationId: string;
  readonly fact: string | null;
}

export interface Heard {
  readonly version: number;
  readonly message: number;
}

export interface NodeNews extends NodeFacts, Heard {
  readonly hasSearches: boolean;
  /** What was known of it is outdated: this is everything. */
  readonly isWhole: boolean;
  readonly sessions: readonly SessionNews[];
  readonly holds: readonly HoldNews[];
  readonly messages: readonly string[];
}

/** A node that was not heard of for so long, ms, is dead: others answer for its peers. */
export const NODE_LEASE_MS = 5_000;
