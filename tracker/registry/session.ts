/** One login of one device: who it is, where it is, what it holds, and the keys of its datagrams. Judged by `Registry`. */
import { timingSafeEqual } from 'node:crypto';
import { fromBase64url, toBase64url } from '../../common/protocol/base64url.js';
import type { Clock } from '../../common/runtime/clock.js';
import { KIND } from '../../common/wire/datagrams.js';
import { relayProof } from '../../common/wire/relay-proof.js';
import { deriveKeys, Opener, Sealer } from '../../common/wire/sealed-data.js';
import type { Address } from '../carrier.js';
import { type EventLink, EventOutbox, type Outbox } from './event-outbox.js';
import { OwedAcks } from './owed-acks.js';
import { sodiumCipher } from './sodium-cipher.js';
import { SparseMap, SparseSet } from './sparse.js';
import { SpentIds } from './spent-ids.js';

/** What a login or resume says of the peer. */
export interface PresenceClaim {
  readonly isServing: boolean;
  readonly filePort: number | undefined;
  readonly lan: readonly string[];
  readonly advertise: string | undefined;
}

export interface SessionOptions {
  /** 16 bytes. */
  readonly id: Buffer;
  /** As the account spells it. */
  readonly user: string;
  readonly device: string;
  readonly generation: number;
  readonly observed: Address;
  readonly clock: Clock;
  /** At another node: what is posted here goes there. */
  readonly remote?: { readonly node: string; readonly outbox: Outbox };
}

export interface Hold {
  readonly fileId: string;
  readonly has: 'all' | 'part';
}

/** What dial-backs have found out. */
export interface Reach {
  isProven: boolean;
  /** The peer's own `advertise`, once it was found to lead to the observed address. */
  advertised: string | undefined;
}

/** So many tickets of a session lie in memory, where those are found that the store is still writing; it has the others. */
export const MAX_RECENT_TICKETS = 1_024;
/** After a crash of the tracker, who does not come back is shown as seen so much earlier at most. */
const NOTED_AGAIN_MS = 600_000;

export class Session {
  readonly id: Buffer;
  /** `id` as text, the key of all maps. */
  readonly name: string;
  readonly user: string;
  readonly device: string;
  /** The node it lives at; undefined: here. What lives elsewhere is shown here as that node tells it. */
  readonly node: string | undefined;
  /** Number of its last entry, above that of any entry before at any node; 0 where there is one node. */
  claimed = 0;
  readonly holds = new SparseMap<string, Hold>();
  /** Published in this session; all that is live while the whole library is not. */
  readonly published = new SparseSet<string>();
  /** Publications for which it got the last tickets, the oldest first. */
  readonly tickets = new SparseSet<string>();
  readonly owedAcks = new OwedAcks();
  readonly spentIds = new SpentIds();
  readonly reach: Reach = { isProven: false, advertised: undefined };
  generation: number;
  observed: Address;
  isServing = false;
  filePort: number | undefined;
  lan: readonly string[] = [];
  advertise: string | undefined;
  /** All publications of the device are live. */
  isLibraryLive = false;
  isEnded = false;
  /** Bytes that it offers; undefined: it runs no depot. */
  depotCapacity: number | undefined;
  /** Monotonic, ms. */
  lastSeenAt = 0;
  /** ms since epoch. */
  activeSince = 0;
  /** The interval this peer was told last. */
  heartbeatMs = 0;
  /** Requests being worked on that came over UDP. */
  inFlight = 0;
  /** Proven by a login, a resume or a path challenge over UDP. */
  udpAddress: Address | undefined;
  readonly #clock: Clock;
  #outbox: Outbox | undefined;
  #isUsingUdp = false;
  /** When it was last noted that it is there; monotonic, ms. */
  #notedAt = -Infinity;
  #udpLink: EventLink | undefined;
  #tcpLink: EventLink | undefined;
  #accessKey: Buffer | undefined;
  #ends: { readonly sealer: Sealer; readonly opener: Opener } | undefined;

  constructor(options: SessionOptions) {
    this.id = ownCopy(options.id);
    this.name = toBase64url(options.id);
    this.user = options.user;
    this.device = options.device;
    this.generation = options.generation;
    this.observed = options.observed;
    this.node = options.remote?.node;
    this.#clock = options.clock;
    this.#outbox = options.remote?.outbox;
  }

  /** Made when there is something for it: to most sessions nothing is ever posted. */
  get outbox(): Outbox {
    this.#outbox ??= new EventOutbox(this.#clock, () => this.#link());
    return this.#outbox;
  }

  claim({ isServing, filePort, lan, advertise }: PresenceClaim): void {
    this.isServing = isServing;
    this.filePort = isServing ? filePort : undefined;
    this.lan = lan;
    this.advertise = advertise;
  }

  noteTicket(publicationId: string): void {
    this.tickets.delete(publicationId);
    this.tickets.add(publicationId);
    const [oldest] = this.tickets;
    if (oldest !== undefined && this.tickets.size > MAX_RECENT_TICKETS) this.tickets.delete(oldest);
  }

  /** From now on datagrams of the old key are nobody's. */
  rekey(accessKey: Buffer): void {
    this.#accessKey = ownCopy(accessKey);
    this.#ends = undefined;
  }

  /** The plaintext of a datagram of this session's peer, each once; see `Opener`. */
  open(datagram: Buffer): Buffer | undefined {
    return this.#accessKey === undefined ? undefined : this.#dataEnds(this.#accessKey).opener.open(datagram);
  }

  seal(plaintext: Uint8Array): Buffer {
    if (this.#accessKey === undefined) throw new Error('a session without keys has nothing to seal with');
    return this.#dataEnds(this.#accessKey).sealer.seal(plaintext);
  }

  /** Whether `proof`, 32 bytes, was made for this token by who has the access key. */
  hasProven({ token, proof }: { readonly token: string; readonly proof: string }): boolean {
    if (this.#accessKey === undefined) return false;
    return timingSafeEqual(fromBase64url(proof, 32), relayProof(this.#accessKey, fromBase64url(token, 16)));
  }

  /** The peer speaks UDP from this proven address: events go there. */
  useUdp(address: Address, link: EventLink): void {
    this.udpAddress = address;
    this.#udpLink = link;
    this.#isUsingUdp = true;
  }

  useTcp(link: EventLink): void {
    this.#tcpLink = link;
    this.#isUsingUdp = false;
    this.#outbox?.flush();
  }

  /** True when it is to be noted that it is there: at first, and every `NOTED_AGAIN_MS`. */
  takeSeen(now: number): boolean {
    if (!this.isServing || now - this.#notedAt < NOTED_AGAIN_MS) return false;
    this.#notedAt = now;
    return true;
  }

  /** Which transport brought the last request. */
  note(kind: 'tcp' | 'udp'): void {
    this.#isUsingUdp = kind === 'udp';
  }

  /** Its TCP connection is gone. */
  dropTcp(link: EventLink): void {
    if (this.#tcpLink === link) this.#tcpLink = undefined;
  }

  /** Made when the first datagram comes or goes: who speaks TCP alone needs none. */
  #dataEnds(accessKey: Buffer): { readonly sealer: Sealer; readonly opener: Opener } {
    if (this.#ends !== undefined) return this.#ends;
    const { c2t, t2c } = deriveKeys(accessKey, this.id);
    this.#ends = {
      opener: new Opener({ key: c2t, kind: KIND.peerData, session: this.id, cipher: sodiumCipher }),
      sealer: new Sealer({ key: t2c, kind: KIND.trackerData, session: this.id, cipher: sodiumCipher }),
    };
    return this.#ends;
  }

  #link(): EventLink | undefined {
    return this.#isUsingUdp ? (this.#udpLink ?? this.#tcpLink) : (this.#tcpLink ?? this.#udpLink);
  }
}

/** Not a part of the pool that its caller has it from: each of very many sessions would keep some kilobytes there. */
function ownCopy(bytes: Uint8Array): Buffer {
  const own = Buffer.alloc(bytes.length);
  own.set(bytes);
  return own;
}
