/**
 * A publisher that speaks the peer lane by hand, so that a test can make it lie: it logs in, publishes, shows the tracker its port and
 * then sends whatever bytes it likes. It accepts every ticket.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { fileIdOf, type Manifest, manifestOfBytes } from '../../common/content/manifest.js';
import { HEARTBEAT_MS, MAX_PEER_LINE_BYTES } from '../../common/protocol/limits.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { LineDecoder } from '../../common/wire/line-decoder.js';
import { serverTlsOptions } from '../../common/wire/pinned-tls.js';
import { RawSession } from './raw-session.js';
import { passwordOf, type World } from './world.js';

export interface LieOptions {
  readonly user: string;
  readonly name: string;
  readonly content: Buffer;
  /** What goes out in place of the bytes at `offset`; the default is the truth. */
  readonly distort?: (bytes: Buffer, offset: number) => Buffer;
  /** What goes out in place of the hash list. */
  readonly distortManifest?: (hashes: Buffer) => Buffer;
}

interface PeerRequestLine {
  readonly id: number;
  readonly type: string;
  readonly first?: number;
  readonly count?: number;
}

export class LyingSource implements AsyncDisposable {
  /** Bytes of content that were sent. */
  sentBytes = 0;
  readonly fileId: string;
  readonly #server: Server;
  readonly #options: LieOptions;
  readonly #manifest: Manifest;
  readonly #sockets = new Set<TLSSocket>();
  #session: RawSession | undefined;
  #heartbeats: NodeJS.Timeout | undefined;

  private constructor(identity: Identity, options: LieOptions) {
    this.#options = options;
    this.#manifest = manifestOfBytes(options.content);
    this.fileId = fileIdOf(this.#manifest);
    this.#server = createServer(serverTlsOptions(identity, ['shoal-peer/1'], { requestClientCert: true }), (socket) =>
      this.#serve(socket),
    );
  }

  /** Publishes and serves; ended with `await using`. */
  static async start(world: World, options: LieOptions): Promise<LyingSource> {
    const device = await loadOrCreateIdentity(world.path(`${options.user}.pem`), { commonName: 'test' });
    const source = new LyingSource(device, options);
    source.#server.listen(0, '127.0.0.1');
    await once(source.#server, 'listening');
    const { port: filePort } = source.#server.address() as AddressInfo;
    const { host, port, pin } = world.tracker;
    const session = await RawSession.open(
      { host, port, pin },
      {
        transport: 'tcp',
        user: options.user,
        password: passwordOf(options.user),
        device,
        presence: { serving: true, filePort },
      },
    );
    source.#session = session;
    const entry = { name: options.name, fileId: source.fileId, size: options.content.length, kind: 'file' as const };
    const reply = await session.request('publish', { entries: [entry] });
    if (!reply.ok) throw new Error(`publish refused: ${reply.error.code}`);
    source.#heartbeats = setInterval(() => void session.request('heartbeat', {}).catch(() => undefined), HEARTBEAT_MS);
    return source;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heartbeats);
    await this.#session?.request('logout', {}); // so that the same user can come with another lie
    this.#session?.[Symbol.dispose]();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: TLSSocket): void {
    this.#sockets.add(socket);
    const lines = new LineDecoder(MAX_PEER_LINE_BYTES);
    socket.on('error', () => undefined); // a downloader that found us out hangs up
    socket.on('data', (bytes: Buffer) => {
      for (const line of lines.push(bytes)) this.#answer(socket, JSON.parse(line.toString()) as PeerRequestLine);
    });
  }

  #answer(socket: TLSSocket, request: PeerRequestLine): void {
    const { id, type } = request;
    const { size, chunkSize } = this.#manifest;
    const say = (line: object): boolean => socket.write(`${JSON.stringify(line)}\n`);
    if (type === 'open') say({ type: 'opened', id, size, chunkSize, have: 'all' });
    if (type !== 'manifest' && type !== 'chunks') return;
    const { bytes, offset } = type === 'manifest' ? { bytes: this.#hashes(), offset: 0 } : this.#chunks(request);
    if (bytes.length > 0) {
      say({ type: 'run', id, offset, bytes: bytes.length });
      socket.write(bytes);
    }
    say({ type: 'end', id });
  }

  #hashes(): Buffer {
    const hashes = Buffer.from(this.#manifest.hashes);
    return this.#options.distortManifest?.(hashes) ?? hashes;
  }

  #chunks({ first = 0, count = 0 }: PeerRequestLine): { bytes: Buffer; offset: number } {
    const { content, distort } = this.#options;
    const offset = first * this.#manifest.chunkSize;
    const bytes = Buffer.from(content.subarray(offset, offset + count * this.#manifest.chunkSize));
    this.sentBytes += bytes.length;
    return { bytes: distort?.(bytes, offset) ?? bytes, offset };
  }
}
