import { expect } from 'chai';
import { networkOf } from '../../tracker/policy/policy.js';

describe('networkOf', () => {
  for (const [written, network] of [
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7/32', '203.0.113.7'],
    ['203.0.113.255/25', '203.0.113.128/25'],
    ['10.9.8.7/0', '0.0.0.0/0'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['::1/0', '::/0'],
    ['::ffff:1.2.3.4/128', '::ffff:1.2.3.4'],
  ] as const) {
    it(`of ${written} is ${network}, and stays so`, () => {
      expect(networkOf(written)).to.equal(network);
      expect(networkOf(network)).to.equal(network);
    });
  }
});
