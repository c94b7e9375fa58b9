/** Which addresses this peer offers to others, and which of others' it dials. See docs/protocol.md "Addresses". */
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';

import ipaddr from 'ipaddr.js';

import { MAX_LAN_ADDRESSES } from '../../common/protocol/limits.js';

type Range = 'loopback' | 'private' | 'public' | 'unusable';

const PRIVATE_RANGES: ReadonlySet<string> = new Set(['private', 'uniqueLocal', 'carrierGradeNat', 'linkLocal']);

/** Where an address lies; a host name counts as public, its address is judged when it is dialled. */
export function rangeOf(host: string): Range {
  if (!ipaddr.isValid(host)) return host === 'localhost' ? 'loopback' : 'public';
  const range = ipaddr.process(host).range();
  if (range === 'loopback') return 'loopback';
  if (PRIVATE_RANGES.has(range)) return 'private';
  return range === 'unicast' ? 'public' : 'unusable';
}

/** The nearer, the lower: what lies nearer than we ourselves are to the tracker may be a service of our own machine or network. */
const DISTANCE: Readonly<Record<Range, number>> = { loopback: 0, private: 1, public: 2, unusable: -1 };

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Those of one peer's `addresses` that may be dialled when the tracker sees us at `observedHost`. A malicious peer could otherwise point
 * downloaders at services behind their own firewall. Private ones pass when the peer shares our observed address, thus our network.
 */
export function dialable<A extends Address>(addresses: readonly A[], observedHost: string): A[] {
  const isNeighbour = addresses.some(({ host }) => host === observedHost);
  return addresses.filter(
    ({ host }) => isFarEnough(host, observedHost) || (isNeighbour && rangeOf(host) === 'private'),
  );
}

/** The address to dial for `host`. A name is judged by what it stands for now, not by what it stood for when the tracker proved it. */
export async function resolveDialable(host: string, observedHost: string): Promise<string> {
  if (ipaddr.isValid(host)) return host;
  const found = (await lookup(host, { all: true })).find(({ address }) => isFarEnough(address, observedHost));
  if (found === undefined) throw new Error(`${host} stands for no address that may be dialled from here`);
  return found.address;
}

function isFarEnough(host: string, observedHost: string): boolean {
  return DISTANCE[rangeOf(host)] >= Math.max(0, DISTANCE[rangeOf(observedHost)]);
}

/** Our private-range addresses, for peers of the same network. */
export function lanAddresses(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses
    .filter(({ address, internal }) => !internal && rangeOf(address) === 'private' && !address.startsWith('fe80'))
    .map(({ address }) => address)
    .slice(0, MAX_LAN_ADDRESSES);
}

/** Where the file port listens by default: beyond this machine only when the tracker is beyond it too. */
export function defaultListenHost(trackerHost: string): string {
  return rangeOf(trackerHost) === 'loopback' ? '127.0.0.1' : '::';
}
