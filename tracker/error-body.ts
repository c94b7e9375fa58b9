/** Failures as the code and text of a reply. */
import { ERROR_TEXTS, type ErrorCode, ProtocolError } from '../common/protocol/errors.js';
import type { ErrorBody } from '../common/protocol/messages.js';
import type { Log } from '../common/runtime/log.js';
import { StoreError, type StoreErrorCode } from './store/store-error.js';

const RETRY_AFTER_MS: { readonly [Code in ErrorCode]?: number } = { storage: 5_000, busy: 1_000 };

const CODE_OF_STORE: Record<StoreErrorCode, ErrorCode> = {
  storage: 'storage',
  busy: 'busy',
  unreachable: 'storage',
  closed: 'shutting-down',
  stopped: 'busy',
  'newer-schema': 'internal',
  corrupt: 'internal',
  unreadable: 'internal',
  'other-keys': 'internal',
  'older-nodes': 'internal',
  internal: 'internal',
};

/** A stranger's mistakes are logged at debug, failures of ours where they are seen; what went wrong inside is nobody else's business. */
export function errorBodyOf(error: unknown, log: Log): ErrorBody {
  if (error instanceof ProtocolError) {
    const { code, message, retryAfterMs } = error;
    log.write('debug', 'a request was refused', { code, error: message });
    return { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  const code = error instanceof StoreError ? CODE_OF_STORE[error.code] : 'internal';
  log.write('error', 'a request failed', { error });
  const retryAfterMs = RETRY_AFTER_MS[code];
  return { code, message: ERROR_TEXTS[code], ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
