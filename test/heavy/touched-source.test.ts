// A file that is touched while others wait for it, and takes its publisher long to read again: F12 of the fault catalogue.
import { readFile, utimes } from 'node:fs/promises';
import { expect } from 'chai';

import { requestFor, sharedFile, World } from '../download/swarm-fixture.js';
import { hastyClock } from '../support/hasty-clock.js';
import { waitFor } from '../support/wait-for.js';

/** With the delays between them more time goes by than a download waits without any hope. */
const MANY_TRIES = 7;
const forever = { signal: new AbortController().signal };

describe('a file whose publisher reads it again for long because it was touched', function () {
  this.timeout(60_000);

  for (const isSame of [true, false]) {
    const end = isSame ? 'arrives when it is found to be the same' : 'is given up when it is found to be another';
    it(`is waited for, and ${end}`, async () => {
      await using world = await World.open();
      const publication = await world.publish('film.bin', 3_000_000);
      const original = await readFile(publication.path);
      let tries = 0;
      const reading = Promise.withResolvers<void>();
      const onChanged = (): Promise<void> => {
        tries += 1;
        return reading.promise;
      };
      const alice = await world.peer('alice', [publication], { onChanged });
      const bob = await world.downloads('bob', [publication], { clock: hastyClock });
      const { publicationId, path } = publication;
      await utimes(path, 1, 1);

      const getting = bob.downloads.get(requestFor(publication, bob.folder), forever).then(
        ({ path: got }) => readFile(got),
        (error: { code: string }) => error.code,
      );
      await Promise.race([getting, waitFor(() => tries >= MANY_TRIES, { what: 'many tries' })]);
      const state = bob.downloads.rows()[0]?.sources[0]?.state;
      if (isSame) alice.files.set(publicationId, sharedFile({ ...(await world.publishFile(path)), publicationId }));
      else alice.files.delete(publicationId);
      reading.resolve();

      expect(tries).to.be.at.least(MANY_TRIES);
      expect(state).to.be.oneOf(['checking', 'connecting']);
      const got = await getting;
      if (isSame) expect(original.equals(got as Buffer)).to.equal(true);
      else expect(got).to.be.oneOf(['changed', 'no-source']);
    });
  }
});
