import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { openToken, SealedTokenError, sealToken } from '../../common/wire/sealed-token.js';
import { seedFor } from '../support/seed.js';
import { fernetToken } from '../vectors/second-implementation.js';

const NOW = Date.UTC(2030, 0, 1);
const key = randomBytes(32);
const message = { v: 1, user: 'älice', notAfter: NOW + 1_000 };

describe('sealed token', () => {
  it('gives the message back until its own end, whatever time the token says', () => {
    const token = sealToken(message, key);
    const fromTheFuture = fernetToken(key, 2 ** 40, randomBytes(16), JSON.stringify(message));

    expect(openToken(token, key, NOW)).to.deep.equal(message);
    expect(openToken(token, key, message.notAfter)).to.deep.equal(message);
    expect(codeOf(token, message.notAfter + 1)).to.equal('expired');
    expect(openToken(fromTheFuture, key, NOW)).to.deep.equal(message);
  });

  it('two tokens of one message differ', () => {
    expect(sealToken(message, key)).to.not.equal(sealToken(message, key));
  });

  it('a change of any character is refused, also of the last one and of padding', () => {
    for (const content of [message, { ...message, user: 'ab' }, { ...message, user: 'abcdefghijklmnop' }]) {
      const token = sealToken(content, key);
      for (let at = 0; at < token.length; at += 1) {
        for (const other of ['A', 'B', '_', '=', '+', ' ', '\u00e4']) {
          if (token[at] !== other)
            expect(codeOf(token.slice(0, at) + other + token.slice(at + 1)), `${other} at ${at}`).to.not.equal(
              'accepted',
            );
        }
      }
    }
  });

  it('another text for the same bytes is refused: one token has one text', () => {
    const padded = tokenWhere((token) => token.endsWith('='));
    const withDigits = tokenWhere((token) => token.includes('-') || token.includes('_'));

    for (const text of [
      padded.replace(/=+$/, ''),
      `${padded}=`,
      `${padded}\n`,
      ` ${padded}`,
      `${padded.slice(0, 8)}\n${padded.slice(8)}`,
      `${padded.slice(0, 8)}!${padded.slice(8)}`,
      padded.replace(/.(=+)$/, (_, end: string) => `${nextDigit(padded.at(-end.length - 1) ?? 'A')}${end}`),
      withDigits.replaceAll('-', '+').replaceAll('_', '/'),
    ])
      expect(codeOf(text), text).to.equal('malformed');
  });

  it('a token of another key is refused', () => {
    expect(codeOf(sealToken(message, randomBytes(32)))).to.equal('forged');
  });

  for (const [what, text] of [
    ['an empty message', ''],
    ['text', 'hello'],
    ['an array', '[1]'],
    ['a number', '7'],
    ['null', 'null'],
    ['no notAfter', '{"v":1}'],
    ['a notAfter that is text', '{"notAfter":"9999999999999"}'],
    ['a notAfter beyond numbers', '{"notAfter":1e400}'],
    ['an inherited notAfter', '{"__proto__":{"notAfter":9999999999999}}'],
  ] as const) {
    it(`an authentic token with ${what} is refused`, () => {
      expect(codeOf(fernetToken(key, 1, randomBytes(16), text))).to.equal('unusable');
    });
  }

  it('no text makes it throw anything else', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc
            .uint8Array({ maxLength: 300 })
            .map((bytes) => Buffer.concat([Uint8Array.of(0x80), bytes]).toString('base64url')),
        ),
        (text) => {
          expect(codeOf(text)).to.be.oneOf(['malformed', 'forged']);
        },
      ),
      { seed: seedFor('random tokens') },
    );
    const token = sealToken(message, key);
    for (let length = 0; length < token.length; length += 1)
      expect(codeOf(token.slice(0, length))).to.be.oneOf(['malformed', 'forged']);
    expect(codeOf('A'.repeat(1_000_000))).to.equal('malformed');
  });

  it('never shows the token or its message in an error', () => {
    const token = fernetToken(key, 1, randomBytes(16), 'secret words');
    try {
      openToken(token, key, NOW);
    } catch (error) {
      expect(String(error)).to.not.include('secret').and.not.include(token);
      return;
    }
    throw new Error('the token was accepted');
  });

  it("a key of a wrong length is the caller's mistake", () => {
    expect(() => sealToken(message, randomBytes(31))).to.throw(RangeError, '32');
  });
});

function codeOf(token: string, now = NOW): string {
  try {
    openToken(token, key, now);
    return 'accepted';
  } catch (error) {
    if (error instanceof SealedTokenError) return error.code;
    throw error;
  }
}

function tokenWhere(condition: (token: string) => boolean): string {
  for (let length = 0; length < 2_000; length += 1) {
    const token = sealToken({ ...message, user: 'x'.repeat(length % 60) }, key);
    if (condition(token)) return token;
  }
  throw new Error('no such token');
}

/** The base64url digit after `digit`: other unused bits, same bytes. */
function nextDigit(digit: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return digits[digits.indexOf(digit) + 1] ?? 'A';
}
