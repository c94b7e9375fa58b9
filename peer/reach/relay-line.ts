/** Our connection to the tracker's relay; see docs/protocol.md "Relay". What goes over it afterwards is the other peer's, sealed for it. */
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { encodeJson } from '../../common/protocol/json.js';
import { MAX_RELAY_LINE_BYTES } from '../../common/protocol/limits.js';
import { parseRelayAnswer } from '../../common/protocol/parse.js';
import type { RelayHello } from '../../common/protocol/reach-fields.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';

const RELAY_ALPN = 'shoal-relay/1';
const CONNECT_TIMEOUT_MS = 3_000;
const NEWLINE = 0x0a;
/** The answer is a little longer than the question: it may hold a text. */
const MAX_ANSWER_BYTES = 4 * MAX_RELAY_LINE_BYTES;

export interface RelayPlace {
  readonly host: string;
  readonly port: number;
  /** The tracker's, 64 hex digits. */
  readonly pin: string;
}

/** The relay does not let us in, or the other peer did not come. */
export class RelayRefusal extends Error {
  override readonly name = 'RelayRefusal';
  constructor(readonly code: string) {
    super(`the relay answered ${code}`);
  }
}

/** Resolves when the other peer is there too; the caller closes the socket. @throws {RelayRefusal}; `signal.reason`; the system's errors. */
export async function joinRelay(
  place: RelayPlace,
  hello: Omit<RelayHello, 'v'>,
  { signal }: AbortOptions,
): Promise<TLSSocket> {
  const { socket } = await connectPinned({ ...place, alpn: RELAY_ALPN, timeoutMs: CONNECT_TIMEOUT_MS, signal });
  try {
    socket.write(Buffer.concat([encodeJson({ v: 1, ...hello }), Buffer.of(NEWLINE)]));
    const answer = parseRelayAnswer(await readLine(socket, { signal }));
    if (!answer.ok) throw new RelayRefusal(answer.error.code);
    return socket;
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : error;
  }
}

/** What stands behind the line goes back: it is for whoever uses the socket then. */
async function readLine(socket: TLSSocket, { signal }: AbortOptions): Promise<Buffer> {
  let begun = Buffer.alloc(0);
  for (;;) {
    const bytes = socket.read() as Buffer | null;
    if (bytes === null) {
      if (socket.readableEnded || socket.destroyed) throw new RelayRefusal('closed');
      await Promise.race([once(socket, 'readable', { signal }), once(socket, 'close', { signal })]);
      continue;
    }
    begun = Buffer.concat([begun, bytes]);
    const end = begun.indexOf(NEWLINE);
    if (end === -1 && begun.length > MAX_ANSWER_BYTES) throw new RelayRefusal('bad-message');
    if (end === -1) continue;
    if (end + 1 < begun.length) socket.unshift(begun.subarray(end + 1));
    return begun.subarray(0, end);
  }
}
