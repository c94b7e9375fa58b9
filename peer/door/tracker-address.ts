import { DEFAULT_TRACKER_PORT } from '../../common/runtime/settings.js';
import { PeerError } from '../api.js';

/** `HOST:PORT[#PIN]`, taken apart. */
export interface TrackerAddress {
  /** Lower case; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** `sha256:` and 64 hex digits, when the address carried one. */
  readonly pin?: string;
  /** `HOST:PORT`, the one spelling under which a pin is kept; IPv6 in brackets. */
  readonly address: string;
}

const HOST_PORT =
  /^(?:\[(?<v6>[0-9a-f:.]+(?:%[\w.-]+)?)\]|(?<name>[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_.])?))(?::(?<port>\d{1,5}))?$/i;
const PIN = /^sha256:[0-9a-f]{64}$/;
const MAX_PORT = 65_535;

/** Reads what a person typed as a tracker; without a port it is 7465. @throws {PeerError} `usage`. */
export function parseTrackerAddress(text: string): TrackerAddress {
  const [place = '', pin, ...rest] = text.trim().split('#');
  const groups = HOST_PORT.exec(place)?.groups;
  const host = (groups?.['v6'] ?? groups?.['name'])?.toLowerCase();
  const port = Number(groups?.['port'] ?? DEFAULT_TRACKER_PORT);
  if (host === undefined || port < 1 || port > MAX_PORT || rest.length > 0) throw notAnAddress(text);
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return pin === undefined ? { host, port, address } : { host, port, address, pin: parsePin(pin) };
}

/** Reads a pin; 64 hex digits alone will do. @throws {PeerError} `usage`. */
export function parsePin(text: string): string {
  const lower = text.trim().toLowerCase();
  const pin = /^[0-9a-f]{64}$/.test(lower) ? `sha256:${lower}` : lower;
  if (PIN.test(pin)) return pin;
  throw new PeerError({
    code: 'usage',
    message: 'That is not a pin: it is "sha256:" and 64 hexadecimal digits. The tracker prints it when it starts.',
  });
}

function notAnAddress(text: string): PeerError {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return new PeerError({
    code: 'usage',
    message: `${JSON.stringify(shown)} is no tracker address. Write HOST:PORT, or HOST:PORT#PIN as the tracker's administrator gave it.`,
  });
}
