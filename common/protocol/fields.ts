/** Fields that several messages have. See docs/protocol.md. */
import { z } from 'zod';
import { isBase64url } from './base64url.js';

/** A string that survives UTF-8: JSON escapes can smuggle lone surrogates in. */
export const text = (most: number) =>
  z
    .string()
    .max(most)
    .refine((value) => value.isWellFormed(), 'not well-formed');
export const safeInteger = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** A user name; the tracker ignores case when it looks one up. */
export const userName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
export const fileId = z.string().regex(/^[0-9a-f]{64}$/);
export const publicationId = z.string().regex(/^[A-Za-z0-9_-]{21}$/);
/** So many bytes. */
export const base64url = (bytes: number) =>
  z
    .string()
    .max(Math.ceil((bytes * 4) / 3))
    .refine((value) => isBase64url(value, bytes), 'not base64url');
/** SHA-256 of a public key (SPKI DER): 64 hex digits, without the `sha256:` of screens. */
export const pin = z.string().regex(/^[0-9a-f]{64}$/);
