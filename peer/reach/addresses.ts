/** Which addresses this peer offers to others, and which of others' it dials. See docs/protocol.md "Addresses". */
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

/**
 * Whether to dial `host`, offered for another peer. A malicious peer could otherwise point downloaders at services of their own
 * machine: loopback is dialled only when the tracker itself is there.
 */
export function isDialable(host: string, trackerHost: string): boolean {
  const range = rangeOf(host);
  return range !== 'unusable' && (range !== 'loopback' || rangeOf(trackerHost) === 'loopback');
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
