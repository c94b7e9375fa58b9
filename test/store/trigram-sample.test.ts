import { expect } from 'chai';
import { hasTrigram, TrigramSample } from '../../tracker/store/trigram-sample.js';

/** So many names of these two words each, in turn. */
function namesOf(count: number, words: readonly string[], others: readonly string[]): string[] {
  return Array.from(
    { length: count },
    (_, index) => `${words[index % words.length]} ${others[Math.floor(index / words.length) % others.length]}`,
  );
}

describe('TrigramSample', () => {
  it('adds none that is in the same names as the rarest', () => {
    const sample = new TrigramSample(namesOf(500, ['annual', 'copied'], ['report', 'letter']));

    expect(sample.cheapest('annual')).to.have.length(1);
  });

  it('adds one that rules out more rows than its list costs, rather than one that is rare for the same reason', () => {
    // Rarest in "invoice report" is the pair around the space, which two first words of four share, and "re" belongs to that pair.
    const sample = new TrigramSample(
      namesOf(480, ['invoice', 'invoke', 'poster', 'garden'], ['report', 'album', 'map']),
    );

    const chosen = sample.cheapest('invoice report');

    expect(chosen[0]).to.equal('e r');
    expect(chosen.slice(1)).to.satisfy(
      (rest: string[]) => rest.length > 0 && rest.every((text) => 'invoice'.includes(text)),
    );
  });

  it('knows nothing of an empty store, and still names one', () => {
    expect(new TrigramSample([]).cheapest('abcd')).to.have.length(1);
    expect(new TrigramSample([]).cheapest('ab')).to.deep.equal([]);
  });

  it('counts letters, not UTF-16 units', () => {
    expect([hasTrigram('ab😀'), hasTrigram('a😀')]).to.deep.equal([true, false]);
    expect(new TrigramSample([]).cheapest('a😀b')).to.deep.equal(['a😀b']);
  });
});
