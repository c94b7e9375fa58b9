/**
 * Either end of `spoofing.test.ts`, each in a network namespace of its own; a line on standard input asks, a line of JSON answers.
 * `attacker PORT TRACKER-PORT PIN`: sends datagrams of the named kind from the victim's address, which its own system lets it use, and
 * says how many bytes; behind them goes one of another session, whose answer marks the end. `victim PORT`: asked for `SESSION N`, waits
 * for N answers of that session, then says how many bytes of others have come to its address.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { encodeHello, KIND } from '../../common/wire/datagrams.js';
import { parsePin } from '../../common/wire/identity.js';
import { waitFor } from '../support/wait-for.js';
import { RawUdp } from '../tracker/raw-client.js';
import { loginOf, request, userOf } from '../tracker/raw-messages.js';
import { grantOf } from '../tracker/test-tracker.js';

export const TRACKER = '10.77.1.1';
export const ATTACKER = '10.77.1.2';
export const VICTIM = '10.77.2.2';
/** Within what the tracker answers one source at once. */
const DATAGRAMS = 100;

const say = (answer: object): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

async function watch(port: number): Promise<void> {
  const received: Buffer[] = [];
  const socket = createSocket('udp4', (datagram) => void received.push(datagram));
  socket.bind(port, VICTIM);
  await once(socket, 'listening');
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const [session = '', count] = line.split(' ');
    const isMark = (datagram: Buffer): boolean => datagram.subarray(2, 18).toString('hex') === session;
    await waitFor(() => received.filter(isMark).length >= Number(count), { what: 'the marks', timeoutMs: 20_000 });
    say({ bytes: received.reduce((sum, datagram) => sum + (isMark(datagram) ? 0 : datagram.length), 0) });
  }
  socket.close();
}

async function attack(port: number, trackerPort: number, pin: string): Promise<void> {
  const place = { host: TRACKER, port: trackerPort, pin: parsePin(pin) };
  await using alice = await RawUdp.open(place, ATTACKER);
  await using bob = await RawUdp.open(place, ATTACKER);
  for (const [client, user] of [
    [alice, 'alice'],
    [bob, 'bob'],
  ] as const)
    client.use(grantOf(await client.login(loginOf(userOf(user), place.pin, { serving: false, filePort: undefined }))));
  const spoofed = createSocket('udp4');
  spoofed.bind(port, VICTIM);
  await once(spoofed, 'listening');
  const played = alice.seal(request('heartbeat'));
  const garbage = (kind: number, size: number) => () => Buffer.concat([Buffer.from([1, kind]), randomBytes(size - 2)]);
  const foreignSession = (): Buffer => {
    const datagram = alice.seal(request('heartbeat'));
    randomBytes(16).copy(datagram, 2);
    return datagram;
  };
  const kinds: Record<string, () => Buffer> = {
    hello: () => encodeHello(randomBytes(16)),
    'short hello': () => encodeHello(randomBytes(16)).subarray(0, 200),
    'made-up login': garbage(KIND.login, 1_200),
    'made-up resume': garbage(KIND.resume, 1_200),
    'unknown session': foreignSession,
    'shortest data': garbage(KIND.peerData, 42),
    'replayed heartbeat': () => played,
    'fresh heartbeat of a session elsewhere': () => alice.seal(request('heartbeat')),
    'fresh list of a session elsewhere': () => alice.seal(request('search', { text: '', all: true })),
    garbage: () => randomBytes(1_200),
  };
  say({ kinds: Object.keys(kinds), marks: bob.keys?.session.toString('hex') });
  for await (const kind of createInterface({ input: process.stdin })) {
    let bytes = 0;
    for (let count = 0; count < DATAGRAMS; count += 1) {
      const datagram = kinds[kind]?.() ?? Buffer.alloc(0);
      bytes += datagram.length;
      spoofed.send(datagram, trackerPort, TRACKER);
    }
    spoofed.send(bob.seal(request('heartbeat')), trackerPort, TRACKER);
    say({ bytes });
  }
  spoofed.close();
}

const [, , role, port = '0', trackerPort = '0', pin = ''] = process.argv;
if (role === 'victim') await watch(Number(port));
if (role === 'attacker') await attack(Number(port), Number(trackerPort), pin);
