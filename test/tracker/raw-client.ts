/** A client written from docs/protocol.md: it repeats nothing by itself, so that tests see what the tracker does. */

import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { type CookieReply, encodeHello, KIND, readCookieReply } from '../../common/wire/datagrams.js';
import { deriveKeys, Opener, Sealer } from '../../common/wire/sealed-data.js';
import { sealLogin } from '../../common/wire/sealed-login.js';
import { sealResume } from '../../common/wire/sealed-resume.js';
import { waitFor } from '../support/wait-for.js';
import type { RawGrant, RawReply, RawRequest } from './raw-messages.js';

export interface Place {
  readonly host: string;
  readonly port: number;
  /** Hex. */
  readonly pin: string;
}

type Message = RawReply & { readonly event?: string };

export class RawTcp implements AsyncDisposable {
  readonly messages: Message[] = [];
  isClosed = false;
  #rest = '';

  private constructor(readonly socket: TLSSocket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', () => undefined); // a closed connection is looked at, not thrown
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static async open({ host, port }: Place, options: { localAddress?: string; alpn?: string } = {}): Promise<RawTcp> {
    const { localAddress, alpn = 'shoal-tracker/1' } = options;
    const socket = connect({
      host,
      port,
      ALPNProtocols: [alpn],
      rejectUnauthorized: false,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    const client = new RawTcp(socket);
    await Promise.race([
      once(socket, 'secureConnect'),
      once(socket, 'close').then(() => Promise.reject(new Error('closed'))),
    ]);
    return client;
  }

  write(text: string | Buffer): void {
    this.socket.write(text);
  }

  async ask(request: RawRequest): Promise<RawReply> {
    this.write(`${JSON.stringify(request)}\n`);
    return this.reply(request.id);
  }

  reply(id: string, nth = 0): Promise<RawReply> {
    return waitFor(
      () => {
        const found = this.messages.filter((message) => message.id === id)[nth];
        if (found === undefined && this.isClosed)
          throw new Error(`the connection was closed before the reply to ${id}`);
        return found;
      },
      { what: `a reply to ${id}` },
    );
  }

  event(name: string): Promise<Message> {
    return waitFor(() => this.messages.find((message) => message.event === name), { what: `the event ${name}` });
  }

  async closed(): Promise<void> {
    await waitFor(() => this.isClosed, { what: 'the tracker to close the connection' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isClosed) return;
    const closed = once(this.socket, 'close');
    this.socket.destroy();
    await closed;
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    this.messages.push(...lines.map((line) => JSON.parse(line) as Message));
  }
}

/** One UDP socket; the session's keys go with it when it moves to another. */
export class RawUdp implements AsyncDisposable {
  /** Everything that arrived. */
  readonly received: Buffer[] = [];
  /** Opened replies and events. */
  readonly messages: Message[] = [];
  sentBytes = 0;
  isClosed = false;
  keys: { readonly session: Buffer; readonly sealer: Sealer; readonly opener: Opener } | undefined;

  private constructor(
    readonly socket: Socket,
    readonly place: Place,
  ) {
    socket.on('message', (datagram) => {
      this.received.push(datagram);
      const plaintext = this.keys?.opener.open(datagram);
      if (plaintext !== undefined) this.messages.push(JSON.parse(plaintext.toString()) as Message);
    });
    socket.on('error', () => undefined); // an unreachable port shows as silence
  }

  static async open(place: Place, localAddress = '127.0.0.1'): Promise<RawUdp> {
    const socket = createSocket('udp4');
    socket.bind(0, localAddress);
    await once(socket, 'listening');
    return new RawUdp(socket, place);
  }

  get receivedBytes(): number {
    return this.received.reduce((sum, { length }) => sum + length, 0);
  }

  send(datagram: Buffer): void {
    this.sentBytes += datagram.length;
    this.socket.send(datagram, this.place.port, this.place.host);
  }

  async cookie(): Promise<CookieReply> {
    const nonce = randomBytes(16);
    this.send(encodeHello(nonce));
    return waitFor(
      () =>
        this.received
          .map((datagram) => readCookieReply(datagram, { nonce, pin: this.place.pin }))
          .find((found) => found !== undefined),
      { what: 'a cookie' },
    );
  }

  async login(message: RawRequest, cookie?: CookieReply): Promise<RawReply> {
    const { cookie: bytes, keyId, kemKey } = cookie ?? (await this.cookie());
    const { datagram, openReply } = await sealLogin({
      cookie: bytes,
      keyId,
      kemKey,
      trackerPin: this.place.pin,
      message,
    });
    this.send(datagram);
    return this.#opened(KIND.loginReply, openReply);
  }

  async resume(
    { token, ...message }: RawRequest & { readonly token?: string },
    resumeKey: string,
    cookie?: CookieReply,
  ): Promise<RawReply> {
    const { cookie: bytes } = cookie ?? (await this.cookie());
    const { datagram, openReply } = sealResume({
      cookie: bytes,
      token: token ?? '',
      resumeKey: Buffer.from(resumeKey, 'base64url'),
      message,
    });
    this.send(datagram);
    return this.#opened(KIND.resumeReply, async (reply) => openReply(reply));
  }

  use({ session, accessKey }: Pick<RawGrant, 'session' | 'accessKey'>): this {
    const id = Buffer.from(session, 'base64url');
    const { c2t, t2c } = deriveKeys(Buffer.from(accessKey, 'base64url'), id);
    this.keys = {
      session: id,
      sealer: new Sealer({ key: c2t, kind: KIND.peerData, session: id }),
      opener: new Opener({ key: t2c, kind: KIND.trackerData, session: id }),
    };
    return this;
  }

  /** The sealed datagram of a request, padded as a peer does so that a challenge may answer it. */
  seal(request: RawRequest): Buffer {
    if (this.keys === undefined) throw new Error('no session is in use');
    return this.keys.sealer.seal(Buffer.from(JSON.stringify(request).padEnd(80)));
  }

  async ask(request: RawRequest): Promise<RawReply> {
    this.send(this.seal(request));
    return this.reply(request.id);
  }

  reply(id: string, nth = 0): Promise<RawReply> {
    return waitFor(() => this.messages.filter((message) => message.id === id)[nth], { what: `a reply to ${id}` });
  }

  event(name: string): Promise<Message> {
    return waitFor(() => this.messages.find((message) => message.event === name), { what: `the event ${name}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }

  async #opened(kind: number, open: (reply: Buffer) => Promise<Buffer | undefined>): Promise<RawReply> {
    const plaintext = await waitFor(
      async () => {
        for (const datagram of this.received) {
          const opened = datagram[1] === kind ? await open(datagram) : undefined;
          if (opened !== undefined) return opened;
        }
        return undefined;
      },
      { what: `a datagram of kind ${kind}` },
    );
    return JSON.parse(plaintext.toString()) as RawReply;
  }
}
