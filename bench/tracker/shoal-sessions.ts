// Many sessions of a Shoal tracker over one UDP port, from a few logins: what a load generator sends in their names.

import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { MIN_UDP_REQUEST_BYTES } from '../../common/protocol/limits.js';
import type { SessionGrant } from '../../common/protocol/messages.js';
import { encodeHello, KIND, readCookieReply } from '../../common/wire/datagrams.js';
import { Opener, Sealer } from '../../common/wire/sealed-data.js';
import { sealResume } from '../../common/wire/sealed-resume.js';
import { resumeMessage, savedSessionOf, sessionKeysOf } from '../../peer/tracker-client/session-keys.js';
import { packed, type Volley } from './load.js';

const REPLY_TIMEOUT_MS = 5_000;

export interface OpenSession {
  readonly id: string;
  readonly sealer: Sealer;
  readonly opener: Opener;
}

export interface SessionsOptions {
  readonly port: number;
  /** Hex digits of the tracker's pin. */
  readonly pin: string;
  /** The logins that they are forked from, each as often as the next. */
  readonly grants: readonly SessionGrant[];
  readonly count: number;
}

export class ShoalSessions {
  constructor(
    readonly localPort: number,
    private readonly sessions: readonly OpenSession[],
  ) {}

  /** Forks sessions by `resume` over UDP; the port is then free for a generator, whose datagrams come from the known address. */
  static async open({ port, pin, grants, count }: SessionsOptions): Promise<ShoalSessions> {
    const socket = createSocket('udp4');
    try {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      socket.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const nonce = randomBytes(16);
      const offer = readCookieReply(await exchange(socket, encodeHello(nonce)), { nonce, pin });
      if (offer === undefined) throw new Error('the tracker sent no good cookie');
      const sessions: OpenSession[] = [];
      for (let index = 0; index < count; index += 1) {
        const grant = grants[index % grants.length];
        if (grant !== undefined) sessions.push(await fork(socket, offer.cookie, grant));
      }
      return new ShoalSessions((socket.address() as AddressInfo).port, sessions);
    } finally {
      socket.close();
    }
  }

  /** `count` sealed requests, session after session in turns. `turn` counts how often the same session has had one. */
  volley(count: number, request: (turn: number) => object): Volley {
    return { localPort: this.localPort, datagrams: packed(this.#sealed(count, request)) };
  }

  /** Opens answers to show that they are what they should be. @throws {Error} on one that is not `ok`. */
  check(samples: readonly Buffer[]): void {
    const byId = new Map(this.sessions.map((session) => [session.id, session]));
    let good = 0;
    for (const sample of samples) {
      const plaintext = byId.get(sample.toString('hex', 2, 18))?.opener.open(sample);
      if (plaintext === undefined) continue; // another generator's
      const reply = JSON.parse(plaintext.toString()) as { ok?: boolean; results?: { ok: boolean }[] };
      if (reply.ok !== true || reply.results?.some(({ ok }) => !ok))
        throw new Error(`the tracker refused: ${plaintext}`);
      good += 1;
    }
    if (good === 0) throw new Error('none of the answers could be opened');
  }

  *#sealed(count: number, request: (turn: number) => object): Generator<Buffer> {
    for (let made = 0; made < count; made += 1) {
      const session = this.sessions[made % this.sessions.length];
      const turn = Math.floor(made / this.sessions.length);
      const text = JSON.stringify(request(turn)).padEnd(MIN_UDP_REQUEST_BYTES); // as peers do
      if (session !== undefined) yield session.sealer.seal(Buffer.from(text));
    }
  }
}

async function fork(socket: Socket, cookie: Buffer, grant: SessionGrant): Promise<OpenSession> {
  const saved = savedSessionOf(grant);
  const presence = { serving: false, libraryRevision: 0 };
  const message = { ...resumeMessage(saved, presence, 'fork'), fork: true };
  const resumeKey = Buffer.from(saved.resumeKey, 'base64url');
  const { datagram, openReply } = sealResume({ cookie, token: saved.resumeToken, resumeKey, message });
  return openSessionOf(openReply(await exchange(socket, datagram)));
}

/** The session that a reply to `resume` grants. @throws {Error} when it refuses. */
export function openSessionOf(plaintext: Buffer | undefined): OpenSession {
  const reply = JSON.parse(plaintext?.toString() ?? '{}') as SessionGrant & { ok?: boolean };
  if (reply.ok !== true) throw new Error(`the tracker opened no session: ${plaintext}`);
  const { session, c2t, t2c } = sessionKeysOf(reply);
  return {
    id: session.toString('hex'),
    sealer: new Sealer({ key: c2t, kind: KIND.peerData, session }),
    opener: new Opener({ key: t2c, kind: KIND.trackerData, session }),
  };
}

async function exchange(socket: Socket, datagram: Buffer): Promise<Buffer> {
  socket.send(datagram);
  const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(REPLY_TIMEOUT_MS) })) as [Buffer];
  return reply;
}
