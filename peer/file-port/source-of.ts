import { isIPv6 } from 'node:net';

const GROUPS = 8;
/** Whoever has one IPv6 address has the 2^64 of its network, the first four groups: counted as one. */
const NETWORK_GROUPS = 4;

/** Whose limits count for a remote address as the system writes it: itself for IPv4, its /64 for IPv6. */
export function sourceOf(address: string): string {
  const host = address.split('%', 1)[0] ?? address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped !== undefined) return mapped; // IPv4 that arrived at an IPv6 socket.
  if (!isIPv6(host)) return host;
  const [head = [], tail = []] = host.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array.from({ length: GROUPS - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS).join(':');
}
