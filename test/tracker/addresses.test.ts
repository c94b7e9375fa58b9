import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { addressesFor, isLoopback, isPrivate, plainHost, privateAddresses } from '../../tracker/registry/addresses.js';
import { Session } from '../../tracker/registry/session.js';

function session(host: string, more: { lan?: string[]; isProven?: boolean; advertised?: string } = {}): Session {
  const made = new Session({
    id: Buffer.alloc(16),
    user: 'u',
    device: 'd',
    generation: 1,
    observed: { host, port: 5 },
    clock: new VirtualClock(),
  });
  made.claim({ isServing: true, filePort: 40_000, lan: privateAddresses(more.lan ?? []), advertise: undefined });
  made.reach.isProven = more.isProven ?? true;
  made.reach.advertised = more.advertised;
  return made;
}

describe('addresses of a source', () => {
  const hosts = (source: Session, requester: Session, advertised?: string): string[] =>
    addressesFor(source, requester, advertised).map(({ host }) => host);

  for (const { name, source, from, advertised, expected } of [
    {
      name: 'another network: the observed one alone',
      source: session('203.0.113.7', { lan: ['192.168.1.7'] }),
      from: '198.51.100.1',
      expected: ['203.0.113.7'],
    },
    {
      name: 'the same network: LAN first',
      source: session('203.0.113.7', { lan: ['192.168.1.7'] }),
      from: '203.0.113.7',
      expected: ['192.168.1.7', '203.0.113.7'],
    },
    {
      name: 'not proven: none',
      source: session('203.0.113.7', { isProven: false }),
      from: '198.51.100.1',
      expected: [],
    },
    {
      name: 'not proven, same network: LAN',
      source: session('203.0.113.7', { isProven: false, lan: ['10.0.0.1'] }),
      from: '203.0.113.7',
      expected: ['10.0.0.1'],
    },
    {
      name: 'public addresses offered as LAN: not listed',
      source: session('203.0.113.7', { lan: ['8.8.8.8', '127.0.0.1'] }),
      from: '203.0.113.7',
      expected: ['203.0.113.7'],
    },
    {
      name: 'loopback to loopback: as it is',
      source: session('127.0.0.1'),
      from: '127.0.0.1',
      advertised: 'tracker.example',
      expected: ['127.0.0.1'],
    },
    {
      name: "loopback to others: the tracker's host",
      source: session('127.0.0.1'),
      from: '198.51.100.1',
      advertised: 'tracker.example',
      expected: ['tracker.example'],
    },
    {
      name: 'loopback to others, no known host: none',
      source: session('127.0.0.1'),
      from: '198.51.100.1',
      expected: [],
    },
    {
      name: 'with a proven name',
      source: session('203.0.113.7', { advertised: 'home.example' }),
      from: '198.51.100.1',
      expected: ['203.0.113.7', 'home.example'],
    },
  ]) {
    it(`${name}`, () => {
      expect(hosts(source, session(from), advertised)).to.deep.equal(expected);
    });
  }

  it('are told apart whatever their form', () => {
    expect(plainHost('::ffff:127.0.0.1')).to.equal('127.0.0.1');
    for (const host of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1', 'localhost'])
      expect(isLoopback(host), host).to.equal(true);
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.org']) expect(isLoopback(host), host).to.equal(false);
    for (const host of ['10.1.2.3', '172.16.0.1', '192.168.0.1', '169.254.1.1', 'fd00::1', 'fe80::1%eth0'])
      expect(isPrivate(host), host).to.equal(true);
    for (const host of ['172.32.0.1', '8.8.8.8', '2001:db8::1', '100.64.0.1'])
      expect(isPrivate(host), host).to.equal(false);
  });
});
