/**
 * Links: sealed, expiring URLs of single files for any HTTP client. The peer that makes one is the only one who can open it. What stands
 * in `links.json` is who may still use it and how often it was used; never the token.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Clock, systemClock, type Timer } from '../../common/runtime/clock.js';
import { writeFileDurably } from '../../common/runtime/files.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { openToken, SealedTokenError, sealToken } from '../../common/wire/sealed-token.js';
import { PeerError } from '../api.js';
import { type LinkCommands, type LinkPlace, linkCommands } from './link-commands.js';
import { loadOrCreateLinkKey } from './link-key.js';

/** Counters are written at most so often, ms; losing a few at a crash harms nobody. Revocations are written at once. */
const SAVE_COUNTERS_MS = 5_000;
/** An ended link is shown for this long, ms. */
const SHOW_ENDED_MS = 30 * 86_400_000;
const MAX_LINKS = 10_000;
/** Longest life of a link, ms. */
const MAX_LIFE_MS = 366 * 86_400_000;

export interface LinkRow {
  readonly linkId: string;
  readonly fileId: string;
  readonly publicationId?: string;
  readonly name: string;
  /** ms since epoch, as all times here. */
  readonly createdAt: number;
  readonly notAfter: number;
  readonly revokedAt?: number;
  /** Requests that were answered with content. */
  readonly uses: number;
  readonly sentBytes: number;
  readonly lastUsedAt?: number;
}

export interface MakeLink extends LinkPlace {
  readonly fileId: string;
  readonly publicationId?: string;
  readonly name: string;
  readonly expiresInMs: number;
}

export type MadeLink = LinkRow & LinkCommands;

/** Why a token opens nothing: `unknown`: no token of ours; `other-file`; `ended`: expired or revoked. */
export type LinkRefusal = 'unknown' | 'other-file' | 'ended';

export class Links implements Part {
  readonly #rows = new Map<string, LinkRow>();
  readonly #path: string;
  readonly #key: Buffer;
  readonly #clock: Clock;
  #writing: Promise<void> = Promise.resolve();
  #saveTimer: Timer | undefined;

  private constructor(path: string, key: Buffer, clock: Clock) {
    this.#path = path;
    this.#key = key;
    this.#clock = clock;
  }

  /** Key and list lie in `stateDir`, a folder for its owner alone. */
  static async open({
    stateDir,
    clock = systemClock,
  }: {
    readonly stateDir: string;
    readonly clock?: Clock;
  }): Promise<Links> {
    const links = new Links(join(stateDir, 'links.json'), await loadOrCreateLinkKey(join(stateDir, 'link.key')), clock);
    for (const row of parseRows(await readIfThere(links.#path))) links.#rows.set(row.linkId, row);
    return links;
  }

  /** @throws {PeerError} `usage` for a life that is not positive or longer than a year, `too-many`. */
  async make({ fileId, publicationId, name, expiresInMs, ...place }: MakeLink): Promise<MadeLink> {
    if (!(expiresInMs > 0 && expiresInMs <= MAX_LIFE_MS)) {
      throw new PeerError({
        code: 'usage',
        message: 'A link lives from a moment to a year. Give another time with --expires.',
      });
    }
    this.#forgetEnded();
    if (this.#rows.size >= MAX_LINKS)
      throw new PeerError({ code: 'too-many', message: `There are ${MAX_LINKS} links. Revoke some first.` });
    const createdAt = this.#clock.now();
    const linkId = randomBytes(8).toString('hex');
    const row: LinkRow = {
      linkId,
      fileId,
      name,
      createdAt,
      notAfter: createdAt + Math.floor(expiresInMs),
      uses: 0,
      sentBytes: 0,
      ...(publicationId === undefined ? {} : { publicationId }),
    };
    this.#rows.set(linkId, row);
    await this.#save();
    const token = sealToken({ v: 1, linkId, fileId, notAfter: row.notAfter }, this.#key);
    return { ...row, ...linkCommands(place, { fileId, name, token }) };
  }

  /** Newest first. */
  list(): LinkRow[] {
    return [...this.#rows.values()].sort((a, b) => b.createdAt - a.createdAt);
  }

  /** Ends a link for good, durable when this resolves. @throws {PeerError} `not-found`, `ambiguous`. */
  async revoke(linkIdOrPrefix: string): Promise<LinkRow> {
    const found = [...this.#rows.values()].filter(
      ({ linkId }) => linkIdOrPrefix !== '' && linkId.startsWith(linkIdOrPrefix),
    );
    const [row] = found;
    if (row === undefined)
      throw new PeerError({
        code: 'not-found',
        message: 'There is no such link. "links" lists them.',
      });
    if (found.length > 1)
      throw new PeerError({ code: 'ambiguous', message: 'Several links begin so. Give more of the id.' });
    const revoked = { ...row, revokedAt: row.revokedAt ?? this.#clock.now() };
    this.#rows.set(row.linkId, revoked);
    await this.#save();
    return revoked;
  }

  /** The link that `token` opens for `fileId`, or why it does not. */
  check(token: string, fileId: string): LinkRow | LinkRefusal {
    let message: Record<string, unknown>;
    try {
      message = openToken(token, this.#key, this.#clock.now());
    } catch (error) {
      if (!(error instanceof SealedTokenError)) throw error;
      return error.code === 'expired' ? 'ended' : 'unknown';
    }
    if (message['fileId'] !== fileId) return 'other-file';
    const row = this.#rows.get(String(message['linkId']));
    return row === undefined || row.revokedAt !== undefined ? 'ended' : row;
  }

  /** Counts one use. */
  count(linkId: string, sentBytes: number): void {
    const row = this.#rows.get(linkId);
    if (row === undefined) return;
    this.#rows.set(linkId, {
      ...row,
      uses: row.uses + 1,
      sentBytes: row.sentBytes + sentBytes,
      lastUsedAt: this.#clock.now(),
    });
    this.#saveTimer ??= this.#clock.setTimer(() => {
      this.#saveTimer = undefined;
      this.#save().catch(() => undefined); // The next use, or the end, writes them.
    }, SAVE_COUNTERS_MS);
    this.#saveTimer.unref();
  }

  /** Writes counters that are not written yet. May be called twice. */
  async stop(): Promise<void> {
    if (this.#saveTimer === undefined) return this.#writing.catch(() => undefined);
    this.#saveTimer.cancel();
    this.#saveTimer = undefined;
    await this.#save();
  }

  #forgetEnded(): void {
    const before = this.#clock.now() - SHOW_ENDED_MS;
    for (const { linkId, notAfter, revokedAt } of this.#rows.values()) {
      if (Math.min(notAfter, revokedAt ?? notAfter) < before) this.#rows.delete(linkId);
    }
  }

  #save(): Promise<void> {
    const write = (): Promise<void> =>
      writeFileDurably(this.#path, `${JSON.stringify({ v: 1, links: [...this.#rows.values()] })}\n`, 0o600);
    const mine = this.#writing.catch(() => undefined).then(write);
    this.#writing = mine;
    mine.catch(() => undefined);
    return mine;
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '{"v":1,"links":[]}';
    throw error;
  }
}

/** A list that cannot be read must not quietly end or revive links. */
function parseRows(text: string): LinkRow[] {
  const value = JSON.parse(text) as { v?: unknown; links?: unknown };
  if (value.v !== 1 || !Array.isArray(value.links))
    throw new Error('links.json is damaged. Move it away: all links made before will end.');
  return value.links as LinkRow[];
}
