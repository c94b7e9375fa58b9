import { NODE_LEASE_MS } from './node-store.js';

/** Condition on rows of `nodes`, by the server's clock. */
export const IS_ALIVE = `beat_at > clock_timestamp() - interval '${NODE_LEASE_MS} milliseconds'`;
