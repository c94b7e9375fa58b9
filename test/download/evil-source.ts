// A source that speaks the peer lane by hand and does whatever a test wants: the other side of every rule that a downloader must keep.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';

import { chunkSizeFor } from '../../common/content/chunk-size.js';
import { serverTlsOptions } from '../../common/wire/pinned-tls.js';
import type { OfferedSource } from '../../peer/download/download-tracker.js';
import type { Publication, World } from './swarm-fixture.js';

export interface Line {
  readonly type: string;
  readonly id: number;
  readonly first: number;
  readonly count: number;
  readonly ticketId: string;
  readonly index: number;
}

export interface EvilOptions {
  /** Called for each `chunks` request instead of sending the right bytes; `send` writes a line or raw bytes. */
  readonly onChunks?: (request: Line, lane: EvilLane) => void | Promise<void>;
  readonly onManifest?: (request: Line, lane: EvilLane) => void | Promise<void>;
  readonly onOpen?: (request: Line, lane: EvilLane) => void | Promise<void>;
  readonly onConnection?: (lane: EvilLane) => void;
}

export class EvilLane {
  /** Bytes of files sent so far. */
  sent = 0;
  constructor(
    readonly socket: TLSSocket,
    readonly content: Buffer,
    readonly publication: Publication,
  ) {}

  line(value: object): void {
    if (!this.socket.destroyed) this.socket.write(`${JSON.stringify(value)}\n`);
  }

  raw(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
    this.sent += bytes.length;
  }

  run(id: number, offset: number, bytes: Buffer): void {
    this.line({ type: 'run', id, offset, bytes: bytes.length });
    this.raw(bytes);
  }

  /** Bytes of chunk `index`, a copy. */
  chunk(index: number): Buffer {
    const size = chunkSizeFor(this.publication.size);
    return Buffer.from(this.content.subarray(index * size, (index + 1) * size));
  }

  /** Answers honestly. */
  honest({ id, first, count }: Line): void {
    const size = chunkSizeFor(this.publication.size);
    for (let index = first; index < first + count; index += 1) this.run(id, index * size, this.chunk(index));
    this.line({ type: 'end', id });
  }

  opened({ id }: Line, changes: object = {}): void {
    const { size } = this.publication;
    this.line({ type: 'opened', id, size, chunkSize: chunkSizeFor(size), have: 'all', ...changes });
  }

  manifest({ id }: Line, hashes: Uint8Array = this.publication.hashed.hashes): void {
    if (hashes.length > 0) this.run(id, 0, Buffer.from(hashes));
    this.line({ type: 'end', id });
  }
}

export interface EvilSource {
  readonly offer: OfferedSource;
  readonly lines: Line[];
  readonly lanes: EvilLane[];
}

export async function evilSource(
  world: World,
  publication: Publication,
  options: EvilOptions,
  user = 'mallory',
): Promise<EvilSource> {
  const identity = await world.identity(user);
  const content = await readFile(publication.path);
  const lines: Line[] = [];
  const lanes: EvilLane[] = [];
  const server = createServer(serverTlsOptions(identity, ['shoal-peer/1'], { requestClientCert: true }), (socket) => {
    const lane = new EvilLane(socket, content, publication);
    lanes.push(lane);
    socket.on('error', () => socket.destroy());
    options.onConnection?.(lane);
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      const parts = (text + part).split('\n');
      text = parts.pop() ?? '';
      for (const line of parts.map((json) => JSON.parse(json) as Line)) {
        lines.push(line);
        void answer(line, lane, options);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<TLSSocket>();
  server.on('secureConnection', (socket) => sockets.add(socket));
  world.onEnd(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const offer: OfferedSource = { user, device: identity.pin, has: 'all', addresses: [{ host: '127.0.0.1', port }] };
  world.list(publication, offer);
  return { offer, lines, lanes };
}

async function answer(line: Line, lane: EvilLane, options: EvilOptions): Promise<void> {
  if (line.type === 'open') await (options.onOpen ?? ((request) => lane.opened(request)))(line, lane);
  if (line.type === 'manifest') await (options.onManifest ?? ((request) => lane.manifest(request)))(line, lane);
  if (line.type === 'chunks') await (options.onChunks ?? ((request) => lane.honest(request)))(line, lane);
}
