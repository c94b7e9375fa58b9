/** `shoal admin --tracker`: an administrator at another computer, and one who is none. */
import { writeFile } from 'node:fs/promises';
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
    expect(told.stderr).to.contain('does not let your account in').and.to.contain('administrator. It says: Enough.');
    expect(bans.result?.['rows']).to.have.nested.property('[0].subject', 'bob');
    expect(status.stdout).to.match(/^activeSessions +servingSessions/);
  });

  it('adds a user, who can log in with that password, and gives a new one; the password goes nowhere else', async () => {
    await using world = await World.open({ admins: ['alice'] });
    const file = world.path('new-password');
    await writeFile(file, 'horse battery\n', { mode: 0o600 });
    const asCarol = (password: string) => world.cli('carol', ['whoami'], { password });

    const added = await world.cli('alice', ['admin', 'add', 'carol', '--new-password-file', file]);
    const first = await asCarol('horse battery');
    const again = await world.cli('alice', ['admin', 'add', 'carol', '--new-password-file', file]);
    await writeFile(file, 'staple correct\n');
    const changed = await world.cli('alice', ['admin', 'passwd', 'carol', '--new-password-file', file]);
    const missing = await world.cli('alice', ['admin', 'passwd', 'carol']);
    const nobody = await world.cli('alice', ['admin', 'disable', 'nobody']);
    const noNetwork = await world.cli('alice', ['admin', 'ban', 'network', '300.1.1.1/8']);

    expect(added.result).to.deep.include({ event: 'result', done: { do: 'account', user: 'carol', isNew: true } });
    expect([added.code, first.code, changed.code], first.stderr).to.deep.equal([0, 0, 0]);
    expect([again.code, again.stderr.includes('There is a user carol already')]).to.deep.equal([1, true]);
    expect([missing.code, missing.stderr.includes('--new-password-file FILE')]).to.deep.equal([2, true]);
    expect([nobody.code, nobody.stderr.startsWith('There is no user nobody, so')]).to.deep.equal([4, true]);
    expect([noNetwork.code, noNetwork.stderr.startsWith('300.1.1.1/8 is no address')]).to.deep.equal([2, true]);
    expect((await asCarol('staple correct')).code).to.equal(0);
  });
});
