/** One end of a relayed connection, made with nothing but Node from docs/protocol.md "Relay". */
import { hkdfSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { waitFor } from '../support/wait-for.js';
import type { Place } from './raw-client.js';
import type { RawGrant } from './raw-messages.js';

export function newToken(): string {
  return randomBytes(16).toString('base64url');
}

export function helloOf({ session, accessKey }: RawGrant, token: string): object {
  const [key, salt] = [Buffer.from(accessKey, 'base64url'), Buffer.from(token, 'base64url')];
  const proof = Buffer.from(hkdfSync('sha256', key, salt, 'shoal/1 relay', 32)).toString('base64url');
  return { v: 1, session, token, proof };
}

export class RelayEnd implements Disposable {
  isClosed = false;
  /** Bytes that came, the answer included. */
  count = 0;
  readonly #received: Buffer[] = [];

  private constructor(readonly socket: TLSSocket) {
    socket.on('data', (bytes: Buffer) => {
      this.#received.push(bytes);
      this.count += bytes.length;
    });
    socket.on('error', () => undefined); // a closed connection is looked at, not thrown
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static async open({ host, port }: Place): Promise<RelayEnd> {
    const socket = connect({ host, port, ALPNProtocols: ['shoal-relay/1'], rejectUnauthorized: false });
    const end = new RelayEnd(socket);
    await once(socket, 'secureConnect');
    return end;
  }

  say(hello: object): void {
    this.socket.write(`${JSON.stringify(hello)}\n`);
  }

  /** `ok`, the code of a refusal, or `closed` when nothing was said. */
  async answer(): Promise<string> {
    const line = await waitFor(
      () => {
        const received = Buffer.concat(this.#received);
        const at = received.indexOf('\n');
        return at === -1 ? this.isClosed && 'closed' : received.subarray(0, at).toString();
      },
      { what: 'an answer of the relay' },
    );
    if (line === 'closed') return line;
    const { ok, error } = JSON.parse(line) as { ok: boolean; error?: { code: string } };
    return ok ? 'ok' : (error?.code ?? '');
  }

  /** What came behind the answer. */
  get bytes(): Buffer {
    const received = Buffer.concat(this.#received);
    return received.subarray(received.indexOf('\n') + 1);
  }

  async closed(): Promise<void> {
    await waitFor(() => this.isClosed, { what: 'the relay to close the connection' });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
