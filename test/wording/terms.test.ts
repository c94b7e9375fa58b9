import { expect } from 'chai';
import { PeerError, type Terms } from '../../peer/api.js';
import { type PasscodeSource, withNewPasscode, withPasscode } from '../../peer/wording/passcode.js';
import { changedTermsText, type TermsWish, termsOf, termsText } from '../../peer/wording/terms.js';

const NOW = new Date(2026, 10, 21, 12, 0).getTime();
const HOUR = 3_600_000;

describe('terms in words', () => {
  for (const [wish, terms] of [
    [{}, undefined],
    [{ expires: '2h' }, { expiresAt: NOW + 2 * HOUR }],
    [{ expires: '3w' }, { expiresAt: NOW + 21 * 24 * HOUR }],
    [{ expires: '2026-12-24' }, { expiresAt: new Date(2026, 11, 24, 23, 59, 59).getTime() }],
    [{ expires: '2026-12-24T18:00' }, { expiresAt: new Date(2026, 11, 24, 18, 0).getTime() }],
    [{ expires: 'never' }, { expiresAt: null }],
    [{ times: '3' }, { downloads: { most: 3, burn: false } }],
    [{ burnAfter: '1' }, { downloads: { most: 1, burn: true } }],
    [{ times: 'unlimited' }, { downloads: null }],
  ] as [TermsWish, Terms | undefined][]) {
    it(`understand ${JSON.stringify(wish)}`, () => {
      expect(termsOf(wish, NOW)).to.deep.equal(terms);
    });
  }

  for (const wish of [
    { expires: 'soon' },
    { expires: '0h' },
    { expires: '2026-02-31' },
    { expires: '2026-11-20' },
    { times: '0' },
    { times: '1000001' },
    { burnAfter: 'unlimited' },
    { times: '1', burnAfter: '1' },
  ]) {
    it(`refuse ${JSON.stringify(wish)} and say what would do`, () => {
      expect(() => termsOf(wish, NOW)).to.throw(PeerError, /--(expires|times|burn-after)/);
    });
  }

  it('say what holds, and what was changed', () => {
    const downloads = { most: 3, burn: true, left: 2 };

    expect(termsText({ locked: true, expiresAt: NOW, downloads }, NOW - 1)).to.equal(
      'passcode, until 2026-11-21 12:00, 2 of 3 downloads left, then gone',
    );
    expect(termsText({ expiresAt: NOW, downloads: { ...downloads, left: 0 } }, NOW)).to.equal('expired, burned');
    expect(termsText({}, NOW)).to.equal('');
    expect(changedTermsText({ locked: false, expiresAt: null, downloads: { most: 1, burn: false } })).to.deep.equal([
      'has no passcode',
      'does not expire',
      'may be fetched once',
    ]);
  });
});

describe('withPasscode', () => {
  const lock = (right: string) => {
    const tried: (string | undefined)[] = [];
    const use = async (passcode: string | undefined): Promise<string> => {
      tried.push(passcode);
      if (passcode === right) return 'open';
      throw new PeerError({ code: passcode === undefined ? 'passcode-needed' : 'wrong-passcode', message: '' });
    };
    return { tried, use };
  };
  const source = (
    given: string | undefined,
    ...answers: (string | undefined)[]
  ): PasscodeSource & { asked: string[] } => {
    const asked: string[] = [];
    const ask = async (question: string): Promise<string | undefined> => {
      asked.push(question);
      return answers.shift();
    };
    return { asked, given: async () => given, ...(answers.length > 0 && { ask }) };
  };
  const codeOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'ok',
      (error: PeerError) => error.code,
    );

  it('tries without one, then with what a script gave, then asks, three times at most', async () => {
    const { tried, use } = lock('never');
    const from = source('given', 'one', 'two', 'three', 'four');

    expect(await codeOf(withPasscode(use, { what: 'a\x1b[2Jb', source: from }))).to.equal('wrong-passcode');
    expect(tried).to.deep.equal([undefined, 'given', 'one', 'two', 'three']);
    expect(from.asked[0]).to.not.contain('\x1b');
  });

  it('asks nobody for what is open or fails otherwise, and stops when the person does', async () => {
    const from = source(undefined, undefined, 'late');
    const { use } = lock('right');

    expect(await withPasscode(async () => 'open', { what: 'a', source: from })).to.equal('open');
    expect(from.asked).to.deep.equal([]);
    expect(await codeOf(withPasscode(use, { what: 'a', source: from }))).to.equal('passcode-needed');
    expect(from.asked).to.have.length(1);
    const other = async (): Promise<never> => {
      throw new PeerError({ code: 'not-found', message: '' });
    };
    expect(await codeOf(withPasscode(other, { what: 'a', source: source('given') }))).to.equal('not-found');
  });

  it('takes a new one only when it was typed twice alike, and is usable', async () => {
    const set = (from: PasscodeSource): Promise<unknown> => withNewPasscode({ expiresAt: null }, 'ask', from);

    expect(await set(source(undefined, 'same', 'same'))).to.deep.equal({ expiresAt: null, passcode: 'same' });
    expect(await set(source('given'))).to.deep.equal({ expiresAt: null, passcode: 'given' });
    expect(await codeOf(set(source(undefined, 'one', 'other')))).to.equal('usage');
    expect(await codeOf(set(source(undefined, undefined)))).to.equal('interrupted');
    expect(await codeOf(set(source(undefined)))).to.equal('usage');
    expect(await codeOf(set(source('tab\there')))).to.equal('usage');
    expect(await withNewPasscode(undefined, 'none', source(undefined))).to.deep.equal({ passcode: null });
  });
});
