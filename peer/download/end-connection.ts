import type { Clock } from '../../common/runtime/clock.js';
import type { PeerConnection } from '../file-port/peer-connection.js';

/** A connection that ends with a last word is closed after this, ms. */
const LAST_WORD_MS = 500;

interface Ending {
  readonly hasLied: boolean;
  /** Settles when the connection is not needed for a receipt any more. */
  readonly receipt: Promise<void> | undefined;
  readonly clock: Clock;
}

/** Ends the connection to a source that is not used any more, when what is to be said at the end has been said. */
export function endConnection(connection: PeerConnection, { hasLied, receipt, clock }: Ending): void {
  if (!hasLied) {
    if (receipt === undefined) connection.close();
    else void receipt.finally(() => connection.close());
    return;
  }
  // `bad-chunk` is worth a moment: the source may not know that its disk is failing.
  connection.end();
  const closing = clock.setTimer(() => connection.close(), LAST_WORD_MS);
  closing.unref();
  connection.onClose(() => closing.cancel());
}
