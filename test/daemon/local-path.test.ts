import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { localSocketPath } from '../../peer/daemon/local-path.js';
import { FAKE_PIN } from './fake-peer.js';

describe('localSocketPath', () => {
  it('follows from pin and user, upper and lower case being the same user', () => {
    const name = createHash('sha256').update(`${FAKE_PIN}/ana`).digest('hex').slice(0, 12);

    expect(localSocketPath({ dataDir: '/srv/shoal', pin: FAKE_PIN, user: 'Ana' }, 'linux')).to.equal(
      `/srv/shoal/run/${name}.sock`,
    );
  });

  it('is another one for another tracker, user or data folder', () => {
    const base = { dataDir: '/a', pin: FAKE_PIN, user: 'ana' };
    const paths = [
      base,
      { ...base, user: 'bob' },
      { ...base, pin: `sha256:${'0'.repeat(64)}` },
      { ...base, dataDir: '/b' },
    ];

    expect(new Set(paths.map((input) => localSocketPath(input, 'linux'))).size).to.equal(4);
    expect(new Set(paths.map((input) => localSocketPath(input, 'win32'))).size).to.equal(4);
  });

  it('stays short enough for a socket in a folder with a long path', () => {
    const dataDir = `/${'deep/'.repeat(60)}`;

    const path = localSocketPath({ dataDir, pin: FAKE_PIN, user: 'ana' }, 'linux');

    expect(Buffer.byteLength(path)).to.be.below(104);
    expect(path).to.not.equal(localSocketPath({ dataDir: `${dataDir}x`, pin: FAKE_PIN, user: 'ana' }, 'linux'));
  });
});
