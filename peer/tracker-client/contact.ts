/** Learns a tracker's identity: a TLS handshake and nothing else. */
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { formatPin } from '../../common/wire/identity.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import { trackerUnreachable } from './problems.js';

const CONTACT_TIMEOUT_MS = 3_000;

/** Resolves with `sha256:` and 64 hex digits. @throws {PeerError} `tracker-unreachable`. */
export async function contactTracker(host: string, port: number, { signal }: AbortOptions): Promise<{ pin: string }> {
  try {
    const { socket, pin } = await connectPinned({
      host,
      port,
      alpn: 'shoal-tracker/1',
      timeoutMs: CONTACT_TIMEOUT_MS,
      signal,
    });
    socket.destroy();
    return { pin: formatPin(pin) };
  } catch (error) {
    signal.throwIfAborted();
    throw trackerUnreachable(`${host}:${port}`, error);
  }
}
