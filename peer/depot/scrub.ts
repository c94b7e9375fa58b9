/**
 * Reads every copy of a depot again about once a month, one after the other, with long rests between, so that what a disk has lost is
 * found while somebody else still has it. Where it stands is kept in a file: a restart begins no new round. What is found is dealt with by
 * `check`.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, sleep } from '../../common/runtime/deadline.js';
import { writeFileDurably } from '../../common/runtime/files.js';
import { errnoOf } from '../download/file-problem.js';

/** From the start of one round to the next, ms. */
export const ROUND_MS = 30 * 24 * 3_600_000;
/** After a start others need the disk more, ms. */
export const FIRST_REST_MS = 15 * 60_000;
/** Between rounds, or in trouble, it looks again, ms. */
const LOOK_EVERY_MS = 12 * 3_600_000;
/** It rests for so many times as long as it read: a tenth of the disk's time at most. */
const REST_FACTOR = 9;
const LEAST_REST_MS = 5_000;

export interface ScrubOptions {
  /** Where it notes how far it is. */
  readonly file: string;
  /** The publication that comes after this one by its id, with a copy here; '' for the first. */
  readonly next: (after: string) => string | undefined;
  /** Reads a copy and does what is to be done. */
  readonly check: (publicationId: string) => Promise<void>;
  readonly notice: (level: 'warning', text: string) => void;
  readonly clock: Clock;
}

interface Round {
  /** ms since epoch. */
  readonly startedAt: number;
  /** The last one that was read; undefined when all were. */
  readonly after: string | undefined;
}

/** Goes on until aborted. */
export async function scrub(options: ScrubOptions, { signal }: AbortOptions): Promise<void> {
  const { clock } = options;
  const rest = (ms: number): Promise<void> => sleep(ms, { signal, clock }).catch(() => undefined); // aborted: seen below
  await rest(FIRST_REST_MS);
  while (!signal.aborted) {
    const restMs = await step(options, { signal }).catch((error: unknown) => {
      options.notice(
        'warning',
        `Stored copies could not be read again: ${String(error)}. Check the disk of the depot.`,
      );
      return LOOK_EVERY_MS;
    });
    await rest(restMs);
  }
}

/** Reads the next copy, if one is due, and returns how long to rest. */
async function step({ file, next, check, clock }: ScrubOptions, { signal }: AbortOptions): Promise<number> {
  const last = await readRound(file);
  const isNew = last === undefined || (last.after === undefined && clock.now() - last.startedAt >= ROUND_MS);
  const round: Round = isNew ? { startedAt: clock.now(), after: '' } : last;
  if (round.after === undefined) return LOOK_EVERY_MS;
  const after = next(round.after);
  const startedAt = clock.monotonic();
  if (after !== undefined) await check(after);
  if (signal.aborted) return 0; // it may have been read in part
  const tookMs = clock.monotonic() - startedAt;
  await writeFileDurably(file, `${JSON.stringify({ startedAt: round.startedAt, after })}\n`);
  return Math.max(LEAST_REST_MS, REST_FACTOR * tookMs);
}

/** Undefined when there is none, or none that can be read: then all is read anew. */
async function readRound(file: string): Promise<Round | undefined> {
  try {
    const { startedAt, after } = (JSON.parse(await readFile(file, 'utf8')) ?? {}) as Record<string, unknown>;
    if (typeof startedAt !== 'number') return undefined;
    return { startedAt, after: typeof after === 'string' ? after : undefined };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
