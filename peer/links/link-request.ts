/** What an HTTP client asked of the link lane, as values. Pure. See docs/protocol.md "Link lane". */

const FILE_PATH = /^\/files\/([0-9a-f]{64})$/;
const BEARER = /^Bearer +([A-Za-z0-9_=-]{1,4096})$/i;
const RANGE = /^bytes=(\d{0,16})-(\d{0,16})$/;

export interface LinkRequest {
  readonly fileId: string;
  readonly token: string | undefined;
}

/** Undefined when the path is none of ours. */
export function parseLinkUrl(url: string, authorization: string | undefined): LinkRequest | undefined {
  const [path = '', query = ''] = url.split('?', 2);
  const fileId = FILE_PATH.exec(path)?.[1];
  if (fileId === undefined) return undefined;
  const bearer = BEARER.exec(authorization ?? '')?.[1];
  return { fileId, token: bearer ?? new URLSearchParams(query).get('token') ?? undefined };
}

/** Half open: `end` is the first byte that is not wanted. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range that is asked for; `undefined`: the whole file; `unsatisfiable`: no byte of it exists. Several ranges and forms we do not
 * know are answered with the whole file, as RFC 9110 allows.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined | 'unsatisfiable' {
  const [, from, to] = RANGE.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from === '') {
    const start = Math.max(0, size - Number(to));
    return start < size ? { start, end: size } : 'unsatisfiable';
  }
  const [start, end] = [Number(from), to === '' ? size : Math.min(size, Number(to) + 1)];
  if (start >= size) return 'unsatisfiable';
  return end > start ? { start, end } : undefined;
}

/** An `If-Range` that names another content turns the range off: the client's first part belongs to something else. */
export function allowsRange(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange === etag;
}

/** Safe for every header parser: plain ASCII for old clients, the real name in UTF-8 for others (RFC 6266). */
export function contentDisposition(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\%/]/g, '_');
  const utf8 = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${utf8}`;
}
