import { expect } from 'chai';
import { defaultListenHost, isDialable, lanAddresses, rangeOf } from '../../peer/reach/addresses.js';

describe('addresses', () => {
  const TABLE: readonly [host: string, range: string][] = [
    ['127.0.0.1', 'loopback'],
    ['127.255.0.9', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['localhost', 'loopback'],
    ['10.1.2.3', 'private'],
    ['192.168.0.4', 'private'],
    ['::ffff:192.168.0.4', 'private'],
    ['fd00::1', 'private'],
    ['203.0.113.9', 'unusable'],
    ['8.8.8.8', 'public'],
    ['2600::1', 'public'],
    ['0.0.0.0', 'unusable'],
    ['::', 'unusable'],
    ['224.0.0.1', 'unusable'],
    ['255.255.255.255', 'unusable'],
    ['peer.example', 'public'],
  ];
  for (const [host, range] of TABLE) {
    it(`takes ${host} as ${range}`, () => {
      expect(rangeOf(host)).to.equal(range);
    });
  }

  it('dials loopback only when the tracker is there too', () => {
    expect(isDialable('127.0.0.1', 'tracker.example')).to.equal(false);
    expect(isDialable('::ffff:127.0.0.1', '8.8.8.8')).to.equal(false);
    expect(isDialable('127.0.0.1', '127.0.0.1')).to.equal(true);
  });

  it('never dials what is no host', () => {
    for (const host of ['0.0.0.0', '224.0.0.1', '255.255.255.255', '::'])
      expect(isDialable(host, '127.0.0.1'), host).to.equal(false);
  });

  it('offers private-range addresses only', () => {
    for (const address of lanAddresses()) expect(rangeOf(address), address).to.equal('private');
  });

  it('listens beyond this machine only when the tracker is beyond it', () => {
    expect(defaultListenHost('127.0.0.1')).to.equal('127.0.0.1');
    expect(defaultListenHost('tracker.example')).to.equal('::');
  });
});
