/**
 * Thousands of simulated peers in one thread, each a UDP socket at an address of its own, behaving as docs/protocol.md says: a heartbeat
 * at each interval, sent again when it is not answered; after a hint that the session is unknown a cookie and a `resume`, without a
 * password. They do not check the tracker's signature: that would cost the processor that the tracker is to have.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../common/runtime/clock.js';
import { decodeDatagram, encodeHello, HINT, KIND } from '../../common/wire/datagrams.js';
import { deriveKeys, Opener, Sealer } from '../../common/wire/sealed-data.js';
import { type SealedResume, sealResume } from '../../common/wire/sealed-resume.js';
import { ResumeTokens } from '../../tracker/auth/resume-tokens.js';
import type { CrowdCounts, CrowdData, CrowdWord } from './crowd.js';

const RESEND_AFTER_MS = [250, 500, 1_000, 2_000];
const DEVICE = 'd'.repeat(64);

/** Milliseconds on the clock that all threads share. */
const now = (): number => performance.timeOrigin + performance.now();

class SimulatedPeer {
  /** When its last `resume` was answered. */
  resumedAt = 0;
  beatsAnswered = 0;
  #heartbeatMs = 2_000;
  readonly #session = randomBytes(16);
  readonly #resumeKey: Buffer;
  readonly #token: string;
  readonly #socket: Socket;
  #sealer: Sealer | undefined;
  #opener: Opener | undefined;
  #sealed: SealedResume | undefined;
  #isEntering = false;
  #isAnswered = true;
  #timer: NodeJS.Timeout | undefined;
  #ids = 0;

  constructor(
    user: string,
    tokens: ResumeTokens,
    { host, port, address }: { host: string; port: number; address: string },
  ) {
    this.#resumeKey = tokens.newKey();
    const session = this.#session.toString('base64url');
    this.#token = tokens.seal({ user, session, generation: 1, resumeKey: this.#resumeKey, device: DEVICE });
    const lookup = (name: string, _options: unknown, done: (error: null, address: string, family: number) => void) =>
      done(null, name, 4);
    this.#socket = createSocket({ type: 'udp4', lookup: lookup as never });
    this.#socket.on('message', (datagram) => this.#receive(datagram));
    this.#socket.on('error', () => undefined); // nobody listens while the tracker is away
    this.#socket.bind(0, address, () => this.#socket.connect(port, host));
  }

  enter(): void {
    if (this.#isEntering) return;
    this.#isEntering = true;
    this.#sealed = undefined;
    this.#sealer = undefined;
    this.#try(() => this.#sendHello());
  }

  beatAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#beat(), ms);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket.close();
  }

  #sendHello(): void {
    if (this.#sealed === undefined) this.#send(encodeHello(randomBytes(16)));
  }

  /** Now, and again while it is entering and nothing came back. */
  #try(send: () => void, tries = 0): void {
    send();
    const waitMs = (RESEND_AFTER_MS[tries] ?? 2_000) * (0.75 + Math.random() / 2);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#try(send, tries + 1), waitMs);
  }

  #beat(tries = 0): void {
    if (tries === 0) this.#isAnswered = false;
    if (this.#isAnswered) return;
    this.#ids += 1;
    const beat = Buffer.from(JSON.stringify({ v: 1, id: `b${this.#ids}`, type: 'heartbeat' }).padEnd(80));
    if (this.#sealer !== undefined) this.#send(this.#sealer.seal(beat));
    const waitMs = RESEND_AFTER_MS[Math.min(tries, 2)] ?? 1_000;
    this.#timer = setTimeout(() => this.#beat(tries + 1), waitMs);
  }

  #receive(datagram: Buffer): void {
    const kind = datagram[1];
    if (kind === KIND.trackerData) this.#acknowledged(datagram);
    else if (kind === KIND.cookie) this.#resume(datagram);
    else if (kind === KIND.resumeReply) this.#entered(datagram);
    else if (datagram[2] === HINT.noSession && datagram.subarray(3).equals(this.#session)) this.enter();
  }

  #acknowledged(datagram: Buffer): void {
    if (this.#isAnswered || this.#opener?.open(datagram) === undefined) return;
    this.#isAnswered = true;
    this.beatsAnswered += 1;
    this.beatAfter(this.#heartbeatMs);
  }

  #resume(datagram: Buffer): void {
    const fields = decodeDatagram(datagram);
    if (fields?.kind !== KIND.cookie || !this.#isEntering || this.#sealed !== undefined) return;
    const attempt = randomBytes(16);
    const proof = createHmac('sha256', this.#resumeKey).update('shoal/1 resume proof').update(attempt).digest();
    const message = {
      v: 1,
      id: 'r',
      type: 'resume',
      attempt: attempt.toString('base64url'),
      proof: proof.toString('base64url'),
      serving: true,
      libraryRevision: 0,
    };
    const sealed = sealResume({ cookie: fields.cookie, token: this.#token, resumeKey: this.#resumeKey, message });
    this.#sealed = sealed;
    this.#try(() => this.#send(sealed.datagram));
  }

  #entered(datagram: Buffer): void {
    const reply = this.#sealed?.openReply(datagram);
    if (!this.#isEntering || reply === undefined) return;
    const grant = JSON.parse(reply.toString());
    if (grant.ok !== true) throw new Error(`resume refused: ${reply.toString()}`);
    const { c2t, t2c } = deriveKeys(Buffer.from(grant.accessKey, 'base64url'), this.#session);
    this.#sealer = new Sealer({ key: c2t, kind: KIND.peerData, session: this.#session });
    this.#opener = new Opener({ key: t2c, kind: KIND.trackerData, session: this.#session });
    this.#heartbeatMs = grant.heartbeatMs;
    this.#isEntering = false;
    this.#isAnswered = true;
    this.resumedAt = now();
    this.beatAfter(Math.random() * this.#heartbeatMs);
  }

  #send(datagram: Buffer): void {
    this.#socket.send(datagram, () => undefined); // what cannot be sent is lost, as on any network
  }
}

function serve(port: NonNullable<typeof parentPort>, data: CrowdData): void {
  const tokens = new ResumeTokens(Buffer.from(data.sealKey, 'base64url'), systemClock);
  const peers = data.users.map((user, index) => {
    const number = data.firstAddress + index;
    const address = `127.${1 + (number >> 16)}.${(number >> 8) & 0xff}.${number & 0xff}`;
    return new SimulatedPeer(user, tokens, { host: data.host, port: data.port, address });
  });
  port.on('message', (word: CrowdWord) => {
    if (word === 'enter')
      for (const [index, peer] of peers.entries()) setTimeout(() => peer.enter(), index * data.everyMs);
    else if (word === 'close') {
      for (const peer of peers) peer.close();
      port.close();
    } else if (word === 'times') port.postMessage(peers.map(({ resumedAt }) => resumedAt));
    else port.postMessage(countsOf(peers, word.countSince));
  });
}

function countsOf(peers: readonly SimulatedPeer[], since: number): CrowdCounts {
  let [resumed, beatsAnswered] = [0, 0];
  for (const peer of peers) {
    if (peer.resumedAt > since) resumed += 1;
    beatsAnswered += peer.beatsAnswered;
  }
  return { resumed, beatsAnswered };
}

if (parentPort !== null) serve(parentPort, workerData as CrowdData);
