/** `shoal admin --tracker`: an administrator at another computer, and one who is none. */
import { expect } from 'chai';
import { World } from './world.js';

describe('shoal admin over the network', () => {
  it('does for an administrator what it does on the spot, and refuses others', async () => {
    await using world = await World.open({ admins: ['alice'] });

    const refused = await world.cli('bob', ['admin', 'ban', 'user', 'alice']);
    const banned = await world.cli('alice', ['admin', 'ban', 'user', 'bob', '--reason', 'Enough.']);
    const told = await world.cli('bob', ['lap']);
    const bans = await world.cli('alice', ['admin', 'bans']);
    const status = await world.cli('alice', ['admin', 'status'], { json: false });

    expect(refused.code).to.equal(3);
    expect(refused.result).to.include({ event: 'error', code: 'not-allowed' });
    expect(banned.result).to.have.nested.property('done.do', 'ban');
    expect(told.code).to.equal(3);
    expect(told.stderr).to.contain('does not let your account in');
    expect(bans.result?.['rows']).to.have.nested.property('[0].subject', 'bob');
    expect(status.stdout).to.match(/^activeSessions +servingSessions/);
  }).timeout(30_000);
});
