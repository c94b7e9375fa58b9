import { expect } from 'chai';
import { defaultListenHost, dialable, lanAddresses, rangeOf, resolveDialable } from '../../peer/reach/addresses.js';

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

  const LISTS: readonly [title: string, offered: string[], observed: string, dialled: string[]][] = [
    [
      'dials loopback and private addresses when the tracker is on loopback',
      ['127.0.0.1', '10.0.0.2'],
      '127.0.0.1',
      ['127.0.0.1', '10.0.0.2'],
    ],
    [
      'does not dial loopback for a tracker in the LAN',
      ['127.0.0.1', '::ffff:127.0.0.1', '10.0.0.2'],
      '10.0.0.9',
      ['10.0.0.2'],
    ],
    ['dials public addresses only for a public tracker', ['127.0.0.1', '10.0.0.2', '8.8.8.8'], '9.9.9.9', ['8.8.8.8']],
    [
      'dials private addresses of a peer behind the same public one',
      ['10.0.0.2', '9.9.9.9'],
      '9.9.9.9',
      ['10.0.0.2', '9.9.9.9'],
    ],
    ['does not dial loopback of such a peer', ['127.0.0.1', '9.9.9.9'], '9.9.9.9', ['9.9.9.9']],
    ['never dials what is no host', ['0.0.0.0', '224.0.0.1', '255.255.255.255', '::'], '127.0.0.1', []],
  ];
  for (const [title, offered, observed, dialled] of LISTS) {
    it(title, () => {
      const addresses = offered.map((host) => ({ host, port: 1 }));

      expect(dialable(addresses, observed).map(({ host }) => host)).to.deep.equal(dialled);
    });
  }

  it('judges a name by what it stands for when it is dialled', async () => {
    expect(rangeOf(await resolveDialable('localhost', '127.0.0.1'))).to.equal('loopback');

    const refused = await resolveDialable('localhost', '9.9.9.9').catch((error: unknown) => error);
    expect(refused).to.be.an('error');
  });

  it('offers private-range addresses only', () => {
    for (const address of lanAddresses()) expect(rangeOf(address), address).to.equal('private');
  });

  it('listens beyond this machine only when the tracker is beyond it', () => {
    expect(defaultListenHost('127.0.0.1')).to.equal('127.0.0.1');
    expect(defaultListenHost('tracker.example')).to.equal('::');
  });
});
