/** What `api.ts` says of publishing: rights, terms, and the outcomes of the words that change them. Types alone. */
import type { PublicationRow } from './api.js';
import type { PeerProblem } from './peer-error.js';

/** Who may fetch a publication, its owner aside. Others cannot tell it from what does not exist. */
export type Rights = 'public' | { readonly users: readonly string[]; readonly groups: readonly string[] };

/** Conditions beside the rights; none of them binds the owner. An absent one stays as it is, null takes it away. */
export interface Terms {
  /** Asked of everybody else. */
  readonly passcode?: string | null;
  /** From then on only the owner sees it, ms since epoch. */
  readonly expiresAt?: number | null;
  /** How many users may fetch it from now on; `burn`: after the last one it is gone for all others. */
  readonly downloads?: { readonly most: number; readonly burn: boolean } | null;
}

/** The terms of a publication, as lists tell them to everybody who sees it. */
export interface ShownTerms {
  /** It has a passcode. */
  readonly locked?: boolean;
  readonly expiresAt?: number;
  readonly downloads?: { readonly most: number; readonly burn: boolean; readonly left: number };
}

export interface PublishInput {
  readonly paths: readonly string[];
  /** Publish under this name (one path only). */
  readonly as?: string;
  /** Take over a name that another path of mine holds. */
  readonly replace?: boolean;
  /** Default: new names are public, others keep what they have. */
  readonly rights?: Rights;
  /** Default: new names have none, others keep theirs. */
  readonly terms?: Terms;
  /** Folders: publish again whenever something in them changes, for as long as they are published. */
  readonly watch?: boolean;
}

/** Something in a folder that could not be published. */
export interface SkippedEntry {
  /** Inside the folder. */
  readonly path: string;
  readonly reason: string;
}

export type PublishOutcome =
  | {
      readonly ok: true;
      readonly path: string;
      readonly publication: PublicationRow;
      readonly change: 'new' | 'unchanged' | 'replaced';
      /** Of a folder: what was left out, the first ones, and how many in all. */
      readonly skipped?: readonly SkippedEntry[];
      readonly skippedCount?: number;
    }
  | { readonly ok: false; readonly path: string; readonly problem: PeerProblem };

export type UnpublishOutcome =
  | { readonly ok: true; readonly selector: string; readonly publication: PublicationRow }
  | { readonly ok: false; readonly selector: string; readonly problem: PeerProblem };

export interface RightsInput {
  readonly selectors: readonly string[];
  /** Absent: they stay as they are, as the terms. */
  readonly rights?: Rights;
  readonly terms?: Terms;
}

export interface RenameInput {
  /** A name of mine or `id:PREFIX`. */
  readonly selector: string;
  readonly name: string;
}

export type RightsOutcome =
  | {
      readonly ok: true;
      readonly selector: string;
      readonly name: string;
      /** What was changed; the passcode itself is left out. */
      readonly rights?: Rights;
      readonly terms?: Omit<Terms, 'passcode'> & { readonly locked?: boolean };
    }
  | { readonly ok: false; readonly selector: string; readonly problem: PeerProblem };
