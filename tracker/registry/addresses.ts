/** Which addresses of a peer another peer is told; see docs/protocol.md "Addresses". */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { Address } from '../carrier.js';
import type { Session } from './session.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const privateRanges = new BlockList();
for (const [net, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const) {
  privateRanges.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  privateRanges.addSubnet(net, prefix, 'ipv6');

/** IPv4 that arrived at an IPv6 socket, in its own form; without a zone. */
export function plainHost(host: string): string {
  if (!host.includes(':')) return host; // asked for every datagram
  const bare = host.split('%', 1)[0] ?? host;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
}

/** Whose limits count for an address in its plain form: whoever has an IPv6 address has its /64, the first four groups. */
export function sourceOf(host: string): string {
  if (!isIPv6(host)) return host;
  const [head = '', tail] = host.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  const whole = [
    ...groups,
    ...Array.from({ length: missing }, () => '0'),
    ...(tail === undefined || tail === '' ? [] : tail.split(':')),
  ];
  return whole.slice(0, 4).join(':');
}

/** True for an address of this machine alone, and for the name of it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || isIn(loopback, host);
}

export function isPrivate(host: string): boolean {
  return isIn(privateRanges, host);
}

function isIn(list: BlockList, host: string): boolean {
  const plain = plainHost(host);
  return isIP(plain) !== 0 && list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
}

/** Those that may be offered behind the same observed address. */
export function privateAddresses(lan: readonly string[]): string[] {
  return lan.map(plainHost).filter(isPrivate);
}

/**
 * Where `requester` may dial `source`, best first. `advertised` is the tracker's own host as others reach it.
 * Only what a dial-back has proven is given away, except LAN addresses, which stay behind the address both are seen from.
 */
export function addressesFor(source: Session, requester: Session, advertised: string | undefined): Address[] {
  const { filePort: port, observed, reach } = source;
  if (port === undefined) return [];
  if (isLoopback(observed.host)) return loopbackAddresses({ source, requester, advertised, port });
  const lan = requester.observed.host === observed.host ? source.lan.map((host) => ({ host, port })) : [];
  const proven = reach.isProven ? [{ host: observed.host, port }] : [];
  const named = reach.isProven && reach.advertised !== undefined ? [{ host: reach.advertised, port }] : [];
  return distinct([...lan, ...proven, ...named]);
}

/** Two sources may have one address in both lists. */
function distinct(addresses: readonly Address[]): Address[] {
  return addresses.filter(({ host }, index) => addresses.findIndex((other) => other.host === host) === index);
}

interface LoopbackCase {
  readonly source: Session;
  readonly requester: Session;
  readonly advertised: string | undefined;
  readonly port: number;
}

function loopbackAddresses({ source, requester, advertised, port }: LoopbackCase): Address[] {
  if (!source.reach.isProven) return [];
  if (isLoopback(requester.observed.host)) return [{ host: source.observed.host, port }];
  return advertised === undefined ? [] : [{ host: advertised, port }];
}
