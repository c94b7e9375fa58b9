/** RFC 4648 §5 without padding, strict: two texts never mean the same bytes. See docs/protocol.md. */
import { ProtocolError } from './errors.js';

export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/**
 * The bytes of `text`, of exactly `byteLength` when that is given.
 * @throws {ProtocolError} `bad-message` when `text` does not re-encode to itself or has another length.
 */
export function fromBase64url(text: string, byteLength?: number): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text || (byteLength !== undefined && bytes.length !== byteLength)) {
    throw new ProtocolError(
      'bad-message',
      byteLength === undefined ? 'This is not base64url.' : `This is not base64url of ${byteLength} bytes.`,
    );
  }
  return bytes;
}

/** Whether `fromBase64url` would take `text`. */
export function isBase64url(text: string, byteLength: number): boolean {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === byteLength && bytes.toString('base64url') === text;
}
