import { expect } from 'chai';
import { CredentialsError, parseCredentials, readCredentials } from '../../tracker/auth/credentials-file.js';

const HASH = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';

describe('credentials.txt', () => {
  it('has a user and a password a line; the first space ends the name', () => {
    const text = `\ufeff# people\r\nalice two words \r\n\nbob ${HASH}\n`;

    expect(parseCredentials(text, 'f')).to.deep.equal([
      { user: 'alice', secret: { password: 'two words ' } },
      { user: 'bob', secret: { passwordHash: HASH } },
    ]);
  });

  for (const [what, text, line] of [
    ['no password', 'alice secret\nbob', 2],
    ['an empty password', 'alice ', 1],
    ['a bad name', '\n\n../x secret', 3],
    ['a line that begins with a space', ' alice secret', 1],
    ['the same user twice, ignoring case', 'alice secret\nbob x\nALICE other', 3],
    ['a hash that is none', 'alice $argon2id$v=19$x', 1],
    [
      'another kind of hash',
      'alice $argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      1,
    ],
    ['a password with a tab, which no login may have', 'alice sec\tret', 1],
    ['a password with another control character', 'alice sec\u0085ret', 1],
    ['a password too long', `alice ${'x'.repeat(129)}`, 1],
  ] as const) {
    it(`refuses ${what}, naming the line and no password`, () => {
      expect(() => parseCredentials(text, 'people.txt'))
        .to.throw(CredentialsError, `people.txt, line ${line}:`)
        .with.property('message')
        .not.match(/secret|xxx/);
    });
  }

  it('says so when it cannot be read', async () => {
    const error = await readCredentials('/nowhere/at/all').catch((reason: Error) => reason);

    expect(error)
      .to.be.instanceOf(CredentialsError)
      .with.property('message')
      .match(/\/nowhere\/at\/all cannot be read \(ENOENT\)/);
  });
});
