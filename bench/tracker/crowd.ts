// Very many serving sessions, each of a user of its own, taken up by resume tokens made with the tracker's own seal key: no password is hashed.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { RESUME_TOKEN_LIFE_MS } from '../../common/protocol/limits.js';
import { decodeDatagram, encodeHello, KIND, readCookieReply } from '../../common/wire/datagrams.js';
import { sealResume } from '../../common/wire/sealed-resume.js';
import { resumeMessage } from '../../peer/tracker-client/session-keys.js';
import { fernetToken } from '../../test/vectors/second-implementation.js';
import { type OpenSession, openSessionOf, ShoalSessions } from './shoal-sessions.js';

/** Resumes on their way at once. */
const AT_ONCE = 64;
const RESEND_AFTER_MS = 1_000;
const TIMEOUT_MS = 10_000;
/** Of nobody's password. */
const NO_PASSWORD = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Names and passwords for the credentials of the tracker. */
export function crowdAccounts(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [userOf(index), NO_PASSWORD]));
}

export interface CrowdOptions {
  readonly port: number;
  /** Hex digits of the tracker's pin. */
  readonly pin: string;
  /** The tracker's folder. */
  readonly data: string;
  readonly count: number;
}

/** Every datagram of theirs comes from one port, which is then free for a generator. */
export async function openCrowd({ port, pin, data, count }: CrowdOptions): Promise<ShoalSessions> {
  const sealKey = Buffer.from((await readFile(join(data, 'seal.key'), 'utf8')).trim(), 'base64url');
  const entrance = await Entrance.open(port, pin);
  try {
    const sessions: OpenSession[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++)
        sessions.push(await entrance.enter(userOf(index), sealKey));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return new ShoalSessions(entrance.localPort, sessions);
  } finally {
    entrance.close();
  }
}

class Entrance {
  readonly #waiting = new Map<string, (reply: Buffer) => void>();
  #cookie: Buffer = Buffer.alloc(0);
  #cookieAt = -Infinity;

  private constructor(
    private readonly pin: string,
    private readonly socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 }),
  ) {
    socket.on('message', (datagram) => {
      const fields = decodeDatagram(datagram);
      const key =
        fields?.kind === KIND.resumeReply ? fields.salt : fields?.kind === KIND.cookie ? fields.nonce : undefined;
      if (key !== undefined) this.#waiting.get(key.toString('hex'))?.(datagram);
    });
  }

  static async open(port: number, pin: string): Promise<Entrance> {
    const entrance = new Entrance(pin);
    entrance.socket.bind(0, '127.0.0.1');
    await once(entrance.socket, 'listening');
    entrance.socket.connect(port, '127.0.0.1');
    await once(entrance.socket, 'connect');
    return entrance;
  }

  get localPort(): number {
    return (this.socket.address() as AddressInfo).port;
  }

  async enter(user: string, sealKey: Buffer): Promise<OpenSession> {
    const resumeKey = randomBytes(32);
    const session = randomBytes(16).toString('base64url');
    const notAfter = Date.now() + RESUME_TOKEN_LIFE_MS;
    const claim = { v: 1, user, session, generation: 1, resumeKey: resumeKey.toString('base64url') };
    const token = fernetToken(
      sealKey,
      0,
      randomBytes(16),
      JSON.stringify({ ...claim, device: 'd'.repeat(64), notAfter }),
    );
    const saved = { user, session, resumeToken: token, resumeKey: claim.resumeKey };
    const message = resumeMessage(saved, { serving: true, libraryRevision: 0 }, 'crowd');
    const { datagram, openReply } = sealResume({ cookie: await this.#freshCookie(), token, resumeKey, message });
    const fields = decodeDatagram(datagram);
    if (fields?.kind !== KIND.resume) throw new Error('what was sealed is no resume');
    return openSessionOf(openReply(await this.#exchange(fields.salt, datagram)));
  }

  close(): void {
    this.socket.close();
  }

  async #freshCookie(): Promise<Buffer> {
    if (performance.now() - this.#cookieAt < 30_000) return this.#cookie;
    const nonce = randomBytes(16);
    const offer = readCookieReply(await this.#exchange(nonce, encodeHello(nonce)), { nonce, pin: this.pin });
    if (offer === undefined) throw new Error('the tracker sent no good cookie');
    this.#cookieAt = performance.now();
    this.#cookie = offer.cookie;
    return offer.cookie;
  }

  async #exchange(key: Buffer, datagram: Buffer): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const name = key.toString('hex');
    this.#waiting.set(name, resolve);
    const again = setInterval(() => this.socket.send(datagram), RESEND_AFTER_MS);
    const late = setTimeout(() => reject(new Error('the tracker does not answer')), TIMEOUT_MS);
    try {
      this.socket.send(datagram);
      return await promise;
    } finally {
      clearInterval(again);
      clearTimeout(late);
      this.#waiting.delete(name);
    }
  }
}

function userOf(index: number): string {
  return `peer${index}`;
}
