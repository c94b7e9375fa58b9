/** Bytes to JSON objects and back; every message of both protocols passes here before its schema sees it. */
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from './errors.js';
import { MAX_JSON_DEPTH } from './limits.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * The JSON object that `bytes` are, and nothing else; the caller has judged their length.
 * @throws {ProtocolError} `bad-message`: not UTF-8, nested deeper than MAX_JSON_DEPTH, not JSON, or not an object.
 */
export function parseJson(bytes: Uint8Array): Record<string, unknown> {
  if (!isUtf8(bytes)) throw malformed('is not UTF-8');
  if (isTooDeep(bytes)) throw malformed(`is nested deeper than ${MAX_JSON_DEPTH} levels`);
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = parse(buffer.toString('utf8'));
  if (value === undefined) throw malformed('is not JSON');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('is not a JSON object');
  return value as Record<string, unknown>;
}

/** UTF-8 bytes of a message, without a line end. */
export function encodeJson(value: object): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // without the parser's own words: they quote the input, and that may hold a password
  }
}

function malformed(how: string): ProtocolError {
  return new ProtocolError('bad-message', `The message ${how}.`);
}

/** Judged on bytes before parsing, so that a line of brackets costs one pass over it and no stack. */
function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === QUOTE) isInString = !isInString;
    else if (isInString) {
      if (byte === BACKSLASH) index += 1;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) return true;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
  }
  return false;
}
