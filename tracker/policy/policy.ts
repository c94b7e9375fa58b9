/**
 * What administrators have decided, as requests are judged by it: bans and limits of users, of groups and of networks. In memory; the
 * store has it, and `policy-watch.ts` keeps this one up to date.
 */
import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net';
import type { LimitName } from '../../common/protocol/admin-messages.js';
import { ERROR_TEXTS, ProtocolError } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';
import { plainHost } from '../registry/addresses.js';
import type { Ban, PolicyState } from '../store/store.js';

/** The tracker's own limits, for whom none was set. 0 for a rate: no limit; for a number: none. */
export type DefaultLimits = Readonly<Record<LimitName, number>>;

const NOTHING: PolicyState = { revision: -1, reloads: 0, bans: [], limits: [], members: {} };

interface BannedNetwork {
  readonly ban: Ban;
  readonly addresses: BlockList;
}

export class Policy {
  /** May be replaced while the tracker runs. */
  defaults: DefaultLimits;
  #state = NOTHING;
  #networks: readonly BannedNetwork[] = [];
  #bansByUser: ReadonlyMap<string, readonly Ban[]> = new Map();
  #limitsByUser: ReadonlyMap<string, Partial<Record<LimitName, number>>> = new Map();

  constructor(
    private readonly clock: Clock,
    defaults: DefaultLimits,
  ) {
    this.defaults = defaults;
  }

  get revision(): number {
    return this.#state.revision;
  }

  get reloads(): number {
    return this.#state.reloads;
  }

  /** Bans that are in force, of each kind. */
  get banCount(): number {
    return this.#state.bans.filter((ban) => this.#isInForce(ban)).length;
  }

  take(state: PolicyState): void {
    this.#state = state;
    this.#networks = state.bans
      .filter(({ kind }) => kind === 'network')
      .map((ban) => ({ ban, addresses: blockListOf(ban.subject) }));
    this.#bansByUser = bansByUser(state);
    this.#limitsByUser = limitsByUser(state);
  }

  banOf(user: string): Ban | undefined {
    return this.#bansByUser.get(user.toLowerCase())?.find((ban) => this.#isInForce(ban));
  }

  /** @throws {ProtocolError} `banned`, with the reason. Only for who has proven to be this user. */
  refuseBanned(user: string): void {
    const text = this.banTextOf(user);
    if (text !== undefined) throw new ProtocolError('banned', text);
  }

  /** Only for who has proven to be this user. */
  banTextOf(user: string): string | undefined {
    const ban = this.banOf(user);
    if (ban === undefined) return undefined;
    const end = ban.until === undefined ? '' : ` Until ${new Date(ban.until).toISOString()}.`;
    const reason = ban.reason === '' ? '' : ` ${ban.reason}`;
    return `${ERROR_TEXTS.banned}${end}${reason}`; // what somebody has typed may end anyhow
  }

  /** Asked for every datagram and connection: costs nothing while no network is banned. */
  isBannedHost(host: string): boolean {
    if (this.#networks.length === 0) return false;
    const plain = plainHost(host);
    const family = isIPv6(plain) ? 'ipv6' : 'ipv4';
    return this.#networks.some(({ ban, addresses }) => addresses.check(plain, family) && this.#isInForce(ban));
  }

  limitOf(user: string, name: LimitName): number {
    return this.#limitsByUser.get(user.toLowerCase())?.[name] ?? this.defaults[name];
  }

  #isInForce({ until }: Ban): boolean {
    return until === undefined || until > this.clock.now();
  }
}

/** Why it is no network that can be banned, or undefined. */
export function networkProblem(text: string): string | undefined {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  if (version === 0 || more !== undefined)
    return `${text} is no address. Write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48.`;
  if (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)) return undefined;
  return `${text} has no number of bits from 0 to ${most} behind its "/".`;
}

/** The one way to write a network that has no `networkProblem`: its first address, and the bits unless they are all. */
export function networkOf(text: string): string {
  const [address = '', given] = text.split('/');
  const isLong = isIPv6(address);
  const [size, most] = isLong ? [16, 128] : [8, 32];
  const bits = given === undefined ? most : Number(given);
  const first = (isLong ? groupsOf(address) : address.split('.').map(Number)).map((part, index) => {
    const kept = Math.min(size, Math.max(0, bits - index * size));
    return part & ~((2 ** size - 1) >> kept);
  });
  const shown = isLong ? shortest(first.map((group) => group.toString(16)).join(':')) : first.join('.');
  return bits === most ? shown : `${shown}/${bits}`;
}

function shortest(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

/** All eight of an IPv6 address. */
function groupsOf(address: string): number[] {
  const hex = shortest(address).replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...four: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = four.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = [], tail = []] = hex.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const missing = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...missing, ...tail].map((group) => Number.parseInt(group, 16));
}

function blockListOf(network: string): BlockList {
  const list = new BlockList();
  if (networkProblem(network) !== undefined) return list;
  const [address = '', bits] = network.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  return list;
}

function bansByUser({ bans, members }: PolicyState): Map<string, Ban[]> {
  const found = new Map<string, Ban[]>();
  for (const ban of bans) {
    for (const user of usersOf(ban, members)) found.set(user, [...(found.get(user) ?? []), ban]);
  }
  return found;
}

/** What is set for the user counts before what is set for a group, and of groups the highest. */
function limitsByUser({ limits, members }: PolicyState): Map<string, Partial<Record<LimitName, number>>> {
  const found = new Map<string, Partial<Record<LimitName, number>>>();
  const set = (user: string, name: LimitName, value: number): void =>
    void found.set(user, { ...found.get(user), [name]: value });
  const own = limits.filter(({ kind }) => kind === 'user');
  for (const limit of limits.filter(({ kind }) => kind === 'group'))
    for (const user of usersOf(limit, members))
      set(user, limit.name, higher(limit.name, limit.value, found.get(user)?.[limit.name]));
  for (const { subject, name, value } of own) set(subject.toLowerCase(), name, value);
  return found;
}

/** A rate of 0 has no limit. */
function higher(name: LimitName, a: number, b: number | undefined): number {
  if (b === undefined) return a;
  const isRate = name === 'publishRate' || name === 'requestRate';
  if (isRate && (a === 0 || b === 0)) return 0;
  return Math.max(a, b);
}

function usersOf(
  { kind, subject }: { readonly kind: string; readonly subject: string },
  members: PolicyState['members'],
): readonly string[] {
  if (kind === 'user') return [subject.toLowerCase()];
  return kind === 'group' ? (members[subject.toLowerCase()] ?? []) : [];
}
