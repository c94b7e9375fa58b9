/** The part of `api.ts` about stored copies: plain JSON types alone. */
import type { PublicationRow, SkippedEntry } from './api.js';
import type { PublishInput } from './api-sharing.js';
import type { PeerProblem } from './peer-error.js';

export interface PutInput extends PublishInput {
  /** Only these depots, a copy at each. */
  readonly depots?: readonly string[];
  /** How many depots shall have it. Default: 1. */
  readonly copies?: number;
  /** Whoever may fetch it may remove it. Otherwise, with a passcode, whoever knows that; else its owner alone. */
  readonly open?: boolean;
}

export type PutOutcome =
  | {
      readonly ok: true;
      readonly path: string;
      readonly publication: PublicationRow;
      /** Users whose depots have it, durable. */
      readonly depots: readonly string[];
      /** Of a folder: what was left out, the first ones, and how many. */
      readonly skipped?: readonly SkippedEntry[];
      readonly skippedCount?: number;
    }
  | { readonly ok: false; readonly path: string; readonly problem: PeerProblem };

export interface DelInput {
  readonly selectors: readonly string[];
  /** Of what whoever knows its passcode may remove. */
  readonly passcode?: string;
}

export type DelOutcome =
  | { readonly ok: true; readonly selector: string; readonly publication: PublicationRow }
  | { readonly ok: false; readonly selector: string; readonly problem: PeerProblem };

export interface RiskRow extends PublicationRow {
  /** Devices that are known to have all of it, online or not. */
  readonly holders: number;
}

/** A file or folder on its way to the depots. */
export interface StoringRow {
  readonly name: string;
  /** Of one copy, where several are wanted. */
  readonly doneBytes: number;
  readonly sizeBytes: number;
  /** Nothing has moved for a while: the depots that it waits for, or none when the tracker does not answer. */
  readonly waitsFor?: readonly string[];
}

export interface StoringEvent extends StoringRow {
  readonly event: 'storing';
}
