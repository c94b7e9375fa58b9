/** How a message says that something failed. See docs/protocol.md "Error codes". */
import { z } from 'zod';
import { ERROR_TEXTS, type ErrorCode } from './errors.js';

export const errorBody = z.object({
  /** A code of a later version says at least that it failed. */
  code: z
    .string()
    .max(32)
    .transform((code): ErrorCode => (Object.hasOwn(ERROR_TEXTS, code) ? (code as ErrorCode) : 'internal')),
  message: z.string().max(500),
  retryAfterMs: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
});
export type ErrorBody = z.output<typeof errorBody>;
