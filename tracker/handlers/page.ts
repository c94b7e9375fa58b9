/** Pages: how many rows a reply holds, and the cursor that goes on behind them. See docs/protocol.md "Messages". */
import { fromBase64url, toBase64url } from '../../common/protocol/base64url.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { encodeJson } from '../../common/protocol/json.js';
import { DEFAULT_PAGE_ROWS } from '../../common/protocol/limits.js';
import type { Carrier } from '../carrier.js';
import type { RowKey } from '../store/store.js';

/** More rows of the shortest kind than fit one datagram. */
const MAX_DATAGRAM_ROWS = 24;
const ROW_KEY = /^(\d{1,16})\.([A-Za-z0-9_-]{21})$/;

export function rowsWanted(limit: number | undefined, carrier: Carrier): number {
  const wanted = limit ?? DEFAULT_PAGE_ROWS;
  return carrier.kind === 'udp' ? Math.min(wanted, MAX_DATAGRAM_ROWS) : wanted;
}

/** Cursors are opaque to peers: base64url of a text of ours. */
export function encodeCursor(text: string): string {
  return toBase64url(Buffer.from(text));
}

/** @throws {ProtocolError} `bad-message` for one that was not made here. */
export function decodeCursor(cursor: string | undefined): string | undefined {
  return cursor === undefined ? undefined : fromBase64url(cursor).toString();
}

export function encodeRowKey({ publishedAt, publicationId }: RowKey): string {
  return encodeCursor(`${publishedAt}.${publicationId}`);
}

/** @throws {ProtocolError} `bad-message` for one that was not made here. */
export function decodeRowKey(cursor: string | undefined): RowKey | undefined {
  const text = decodeCursor(cursor);
  if (text === undefined) return undefined;
  const [, publishedAt, publicationId] = ROW_KEY.exec(text) ?? [];
  if (publicationId === undefined) throw new ProtocolError('bad-message', 'The cursor is not one of this list.');
  return { publishedAt: Number(publishedAt), publicationId };
}

/** @throws {ProtocolError} `bad-message` for one that was not made here. */
export function decodeNumber(cursor: string | undefined): number | undefined {
  const text = decodeCursor(cursor);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new ProtocolError('bad-message', 'The cursor is not one of this list.');
  return Number(text);
}

interface Page<Row, Body> {
  readonly id: string;
  readonly rows: readonly Row[];
  /** The reply's body of these rows; `cursor` is absent when they are the last ones. */
  readonly build: (rows: readonly Row[], cursor: { cursor?: string }) => Body;
  /** Behind this row. */
  readonly cursorAfter: (row: Row) => string;
  /** Behind all of `rows`; absent at the end of the list. */
  readonly next: string | undefined;
}

/** The longest beginning of the rows whose reply the carrier takes. @throws {ProtocolError} `use-tcp` when not even one does. */
export function fitPage<Row, Body extends object>(
  carrier: Carrier,
  { id, rows, build, cursorAfter, next }: Page<Row, Body>,
): Body {
  for (let count = rows.length; ; count -= 1) {
    const last = rows[count - 1];
    const cursor = count === rows.length ? next : last === undefined ? undefined : cursorAfter(last);
    const body = build(rows.slice(0, count), cursor === undefined ? {} : { cursor });
    if (carrier.kind === 'tcp' || encodeJson({ id, ok: true, ...body }).length <= carrier.maxReplyBytes) return body;
    if (count <= 1) throw new ProtocolError('use-tcp');
  }
}
