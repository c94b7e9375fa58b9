import { expect } from 'chai';
import { ADMIN_HELP } from '../../common/admin/admin-help.js';
import { adminCsv, adminTable } from '../../common/admin/admin-rows.js';
import { AdminUsageError, readAdminWords, rowsWantedOf } from '../../common/admin/admin-words.js';

const NOW = Date.UTC(2030, 0, 1);
const HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'B'.repeat(43)}`;
const read = (line: string, options: object = {}) =>
  readAdminWords(line.split(' '), options as Record<string, unknown>, { now: NOW, passwordHash: HASH });

describe('the words of shoal admin', () => {
  for (const [line, options, action] of [
    ['ban user bob', {}, { do: 'ban', kind: 'user', subject: 'bob' }],
    [
      'ban network 2001:db8::/48',
      { for: '7d', reason: 'Too loud.' },
      { do: 'ban', kind: 'network', subject: '2001:db8::/48', reason: 'Too loud.', until: NOW + 7 * 86_400_000 },
    ],
    ['unban group team', {}, { do: 'unban', kind: 'group', subject: 'team' }],
    ['limit user bob publishRate 0', {}, { do: 'limit', kind: 'user', subject: 'bob', limit: 'publishRate', value: 0 }],
    ['limit group t publications default', {}, { do: 'limit', kind: 'group', subject: 't', limit: 'publications' }],
    ['revoke bob', {}, { do: 'grant', user: 'bob', admin: false }],
    ['remove bob', {}, { do: 'user', user: 'bob', change: 'remove' }],
    ['add carol', {}, { do: 'account', user: 'carol', isNew: true, passwordHash: HASH }],
    ['passwd carol', {}, { do: 'account', user: 'carol', isNew: false, passwordHash: HASH }],
    ['dismiss bob', {}, { do: 'depot', user: 'bob', appointed: false }],
    ['group add team', {}, { do: 'group', group: 'team', change: 'add' }],
    ['group join team bob carol', {}, { do: 'members', group: 'team', change: 'join', users: ['bob', 'carol'] }],
    ['log-level debug', {}, { do: 'logLevel', level: 'debug' }],
    ['reload', {}, { do: 'reload' }],
    [
      'audit',
      { since: '2h', until: '2029-12-31T00:00:00Z', of: 'bob', kind: 'ticket' },
      {
        do: 'list',
        what: 'audit',
        kind: 'ticket',
        user: 'bob',
        since: NOW - 7_200_000,
        until: Date.UTC(2029, 11, 31),
      },
    ],
  ] as const) {
    it(`reads "${line}"`, () => {
      expect(read(line, options)).to.deep.equal(action);
    });
  }

  for (const [line, options, text] of [
    ['ban user', {}, 'not understood'],
    ['ban planet mars', {}, 'not understood'],
    ['ban user no/name', {}, 'not understood'],
    ['ban user bob', { for: 'ages' }, '--for is "ages"'],
    ['ban user bob', { reason: 'two\nlines' }, 'not understood'],
    ['limit user bob publications -1', {}, 'not understood'],
    ['log-level loud', {}, 'not understood'],
    ['add carol dave', {}, 'not understood'],
    ['add no/name', {}, 'not understood'],
    ['group add team bob', {}, 'not understood'],
    ['group join team', {}, 'not understood'],
    ['audit', { since: 'soon' }, '--since is "soon"'],
    ['audit', { kind: 'gossip' }, '--kind is "gossip", which is none of: login, '],
    [
      'limit user bob publications 5K',
      {},
      'What there is: admin limit user|group WHOM NAME NUMBER (NAME is publications',
    ],
    ['constructor', {}, 'not understood'],
  ] as const) {
    it(`refuses "${line}" with ${JSON.stringify(options)} and says what is wrong`, () => {
      expect(() => read(line, options)).to.throw(AdminUsageError, text);
    });
  }

  it('wants 100 rows, a number, or all of them', () => {
    expect([rowsWantedOf({}), rowsWantedOf({ limit: '5000' })]).to.deep.equal([100, 5_000]);
    expect(rowsWantedOf({ limit: 'all' })).to.equal(Number.MAX_SAFE_INTEGER);
    expect(() => rowsWantedOf({ limit: '0' })).to.throw(AdminUsageError);
  });

  it('shows rows as a table in which the text of others is visible, with times as dates', () => {
    const rows = [
      { user: 'bob', at: NOW, detail: '@alice/\u001b[2Jx' },
      { user: 'alice', at: NOW, admin: true },
    ];

    const lines = adminTable(rows).split('\n');

    expect(lines[0]).to.match(/^user +at +detail +admin$/);
    expect(lines[1]).to.contain('2030-01-01T00:00:00.000Z').and.not.to.contain('\u001b');
    expect(adminTable([])).to.equal('None.');
  });

  it('shows of a device what fits a line, and exports all of it', () => {
    const rows = [{ device: 'a'.repeat(64) }];

    expect(adminTable(rows)).to.equal(`device\n${'a'.repeat(16)}`);
    expect(adminCsv(rows)).to.contain('a'.repeat(64));
  });

  it('has a help that fits 80 columns', () => {
    for (const line of ADMIN_HELP.split('\n')) expect(line.length, line).to.be.at.most(80);
    expect(ADMIN_HELP).to.match(/\n {2}disable\|enable\|remove USER {2,}accounts\n/);
  });

  it('exports rows that a spreadsheet takes as text, whatever others have put in', () => {
    expect(adminCsv([{ user: 'bob', detail: '=cmd|"x"' }, { user: 'a,b' }])).to.equal(
      'user,detail\r\n"bob","\'=cmd|""x"""\r\n"a,b",""',
    );
  });
});
